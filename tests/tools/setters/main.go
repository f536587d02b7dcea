// Command setters updates a folder as Flux's image-automation-controller does with the strategy Setters for one
// image policy: it sets every marked scalar to the policy's latest image and writes the changed files back.
//
//	setters FOLDER POLICY-NAMESPACE POLICY-NAME IMAGE-REPOSITORY TAG [DIGEST]
//
// The controller implements this step in an internal package, so this command reimplements it with the same library:
// kyaml reads the files, finds the markers, chooses the quotes and writes. Changed files are printed one per line,
// relative to FOLDER; marked files that do not parse, which the controller skips, are reported on stderr.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/kustomize/kyaml/fieldmeta"
	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/kio/kioutil"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

const (
	marker    = "$imagepolicy" // the key in the comment
	extension = "x-k8s-cli"    // where kyaml's setters store their values
)

func main() {
	if len(os.Args) != 6 && len(os.Args) != 7 {
		fmt.Fprintln(os.Stderr, "usage: setters FOLDER POLICY-NAMESPACE POLICY-NAME IMAGE-REPOSITORY TAG [DIGEST]")
		os.Exit(2)
	}
	digest := ""
	if len(os.Args) == 7 {
		digest = os.Args[6]
	}
	changed, err := run(os.Args[1], setterValues(os.Args[2]+":"+os.Args[3], os.Args[4], os.Args[5], digest))
	if err != nil {
		fmt.Fprintln(os.Stderr, "setters:", err)
		os.Exit(1)
	}
	for _, path := range changed {
		fmt.Println(path)
	}
}

// setterValues returns the value that each of a policy's four markers sets.
func setterValues(policy, repository, tag, digest string) map[string]string {
	image := repository + ":" + tag
	if digest != "" {
		image += "@" + digest
	}
	return map[string]string{policy: image, policy + ":name": repository, policy + ":tag": tag, policy + ":digest": digest}
}

// run uses kyaml's pipeline as the controller does, since the pipeline treats annotations specially.
func run(folder string, values map[string]string) ([]string, error) {
	fieldmeta.SetShortHandRef(marker)
	openapi.SuppressBuiltInSchemaUse()

	var changed []string
	s := setters{schema: schemaOf(values)}
	move := func(documents []*yaml.RNode) (out []*yaml.RNode, err error) {
		paths := make([]string, len(documents))
		for i, document := range documents {
			if paths[i], _, err = kioutil.GetFileAnnotations(document); err != nil {
				return nil, err
			}
			s.moved = false
			if err := s.walk(document); err != nil {
				return nil, fmt.Errorf("%s: %w", paths[i], err)
			}
			if s.moved && !slices.Contains(changed, paths[i]) {
				changed = append(changed, paths[i])
			}
		}
		// Writes all documents of a changed file, not just the changed ones.
		for i, document := range documents {
			if slices.Contains(changed, paths[i]) {
				out = append(out, document)
			}
		}
		return out, nil
	}
	err := kio.Pipeline{
		Inputs:  []kio.Reader{marked(folder)},
		Filters: []kio.Filter{kio.FilterFunc(move)},
		Outputs: []kio.Writer{kio.LocalPackageWriter{PackagePath: folder}},
	}.Execute()
	slices.Sort(changed)
	return changed, err
}

// marked reads the YAML files below a folder that contain the marker's token, and parses no others.
type marked string

func (folder marked) Read() ([]*yaml.RNode, error) {
	root, err := filepath.Abs(string(folder))
	if err != nil {
		return nil, err
	}
	token := []byte(`"` + marker + `"`)
	base := root
	var documents []*yaml.RNode
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return nil
		}
		if path == root { // update.path names one file
			base = filepath.Dir(root)
		}
		if ext := filepath.Ext(path); ext != ".yaml" && ext != ".yml" && entry.Name() != "Kustomization" {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil && entry.Type()&fs.ModeSymlink != 0 {
			return nil // a dangling symbolic link
		}
		if err != nil || !bytes.Contains(content, token) {
			return err
		}
		relative, err := filepath.Rel(base, path)
		if err != nil {
			return err
		}
		reader := kio.ByteReader{
			Reader:            bytes.NewReader(content),
			SetAnnotations:    map[string]string{kioutil.PathAnnotation: relative},
			PreserveSeqIndent: true,
		}
		nodes, err := reader.Read()
		if err != nil { // the controller logs this at trace level and continues
			fmt.Fprintf(os.Stderr, "setters: skipped: %s: %v\n", relative, err)
			return nil
		}
		documents = append(documents, nodes...)
		return nil
	})
	return documents, err
}

// schemaOf returns the values in the form that kyaml's setters expect: one definition of type string per marker.
func schemaOf(values map[string]string) *spec.Schema {
	definitions := spec.Definitions{}
	for name, value := range values {
		definition := *spec.StringProperty()
		definition.AddExtension(extension, map[string]any{"setter": map[string]string{"name": name, "value": value}})
		definitions[fieldmeta.SetterDefinitionPrefix+name] = definition
	}
	return &spec.Schema{SchemaProps: spec.SchemaProps{Definitions: definitions}}
}

type setters struct {
	schema *spec.Schema
	moved  bool // whether a value was changed
}

func (s *setters) walk(node *yaml.RNode) error {
	switch node.YNode().Kind {
	case yaml.MappingNode:
		return node.VisitFields(func(field *yaml.MapNode) error { return s.walk(field.Value) })
	case yaml.SequenceNode:
		return node.VisitElements(s.walk)
	case yaml.ScalarNode:
		return s.set(node)
	}
	return nil
}

func (s *setters) set(scalar *yaml.RNode) error {
	meta := fieldmeta.FieldMeta{SettersSchema: s.schema}
	if err := meta.Read(scalar); err != nil || meta.IsEmpty() {
		return nil // no marker: another comment, or none
	}
	definition := &meta.Schema
	if definition.Ref.String() != "" {
		if found, err := openapi.Resolve(&definition.Ref, s.schema); err == nil && found != nil {
			definition = found
		}
	}
	held, err := json.Marshal(definition.Extensions[extension])
	if err != nil {
		return err
	}
	var value struct {
		Setter *struct{ Value string }
	}
	if err := json.Unmarshal(held, &value); err != nil || value.Setter == nil {
		return err
	}
	node := scalar.YNode()
	s.moved = s.moved || node.Value != value.Setter.Value
	node.Value = value.Setter.Value
	if len(definition.Type) > 0 {
		yaml.FormatNonStringStyle(node, *definition)
	}
	return nil
}
