//! The files of a unit: its Flux Kustomization, and the folder that it applies.

use crate::engine::{
    EXTERNAL_SECRET, Engine, FLUX_UNIT, HELM_RELEASE, HELM_REPOSITORY, KUSTOMIZATION, NAMESPACE, OCI_REPOSITORY,
    RESTARTS,
};
use crate::{Owner, Page};
use minijinja::context;
use minijinja::value::Serde;
use model::contract::RESTART_ANNOTATION;
use model::{
    Bound, ChartSource, Content, ExternalSecret, NamespaceName, ObjectName, Patch, Release, Source, Variables,
};
use spec::types::Name;
use std::sync::Arc;
use yaml::Value;

/// The files of a unit.
pub(crate) fn pages(cluster: &Name, bound: &Bound, engine: &Engine<'_>) -> Result<Vec<Page>, String> {
    let unit = &bound.unit;
    let folder = format!("k8s/{cluster}/{}", unit.folder);
    let owner = Arc::new(Owner::Unit { cluster: cluster.clone(), unit: unit.id.clone() });
    let page =
        |path: String, text| Page { path, text, owner: Arc::clone(&owner), place: Some(bound.place), origin: None };
    let mut files = Vec::with_capacity(unit.manifests().len() + 3);
    for (namespace, pods) in unit.namespaces() {
        let name = namespace.name.as_str();
        let is_main = namespace.name == unit.namespace.name;
        let file = if is_main { "namespace.yaml".to_owned() } else { format!("namespace-{name}.yaml") };
        let labels: Vec<_> = namespace.labels.iter().map(|(key, value)| context! { key, value }).collect();
        let context = context! { name, pod_security => Serde(pods), labels };
        files.push(page(format!("{folder}/{file}"), engine.page(NAMESPACE, context)?));
    }
    for manifest in unit.manifests() {
        let file = page(format!("{folder}/{}", manifest.file), text(&manifest.content, &unit.namespace.name, engine)?);
        let file = Page { place: manifest.place.or(file.place), ..file };
        files.push(match &manifest.content {
            Content::Copy(copied) => Page { origin: Some(Box::new((copied.path.clone(), copied.span))), ..file },
            _ => file,
        });
    }
    let flux = context! {
        name => unit.id.as_str(),
        depends_on => Serde(&bound.depends_on),
        path => format!("./{folder}"),
        decryption_key => unit.encrypted.as_ref().map(|encrypted| encrypted.key.as_str()),
        wait => bound.wait,
        health => Serde(unit.health()),
    };
    let flux = page(format!("k8s/{cluster}/flux/{}.yaml", unit.id), engine.page(FLUX_UNIT, flux)?);
    if unit.is_unlisted {
        files.push(flux);
        return Ok(files);
    }
    let to_top = "../".repeat(folder.split('/').count());
    let encrypted = unit.encrypted.iter().map(|encrypted| format!("{to_top}{}", encrypted.file));
    let names: Vec<_> = files.iter().map(|file| file.path[folder.len() + 1..].to_owned()).chain(encrypted).collect();
    let patches: Vec<_> = unit
        .patches
        .iter()
        .map(|patch| {
            let name = patch.name.as_ref().map(ObjectName::as_str);
            context! { kind => patch.kind.as_str(), name, text => patch_text(patch) }
        })
        .collect();
    let has_dollar_braces = has_dollar_braces(&files, &unit.patches);
    let kustomization = context! { resources => names, has_dollar_braces, patches };
    files.push(page(format!("{folder}/kustomization.yaml"), engine.page(KUSTOMIZATION, kustomization)?));
    files.push(flux);
    Ok(files)
}

/// The text of a manifest.
fn text(content: &Content, namespace: &NamespaceName, engine: &Engine<'_>) -> Result<String, String> {
    match content {
        Content::Secret(secret) => external_secret(namespace, secret, engine),
        Content::Source(source) => chart_source(namespace, source, engine),
        Content::Release(release) => helm_release(namespace, release, engine),
        Content::Template { template, context } => engine.page(*template, Serde(Variables(context)).into()),
        Content::Copy(copied) => Ok(engine.with_header(&copied.text)),
    }
}

/// A YAML value, printed below a key of `spec`.
fn printed(value: &Value) -> minijinja::Value {
    minijinja::Value::from_safe_string(yaml::block(value, 2))
}

/// The text of a Kustomize patch. It must have a kind and a name, but Kustomize uses those of its `target`.
fn patch_text(patch: &Patch) -> String {
    let name = patch.name.as_ref().map_or("any", |name| name.as_str());
    let mut text = Value::Map(vec![
        ("kind".to_owned(), Value::from(patch.kind.as_str())),
        ("metadata".to_owned(), Value::Map(vec![("name".to_owned(), Value::from(name))])),
    ]);
    text.merge(&patch.merge);
    yaml::document(&text)
}

/// Whether the files contain `${`, which Flux would replace as a variable.
fn has_dollar_braces(files: &[Page], patches: &[Patch]) -> bool {
    files.iter().any(|file| file.text.contains("${")) || patches.iter().any(|patch| patch_text(patch).contains("${"))
}

fn external_secret(namespace: &NamespaceName, secret: &ExternalSecret, engine: &Engine<'_>) -> Result<String, String> {
    let data =
        secret.data.iter().map(|(key, stored)| context! { key => key.as_str(), remote => Serde(&stored.reference) });
    let template = secret.template.iter().map(|(key, text)| context! { key => key.as_str(), text => text.as_str() });
    let labels = secret.labels.iter().map(|(key, value)| context! { key => *key, value => *value });
    let context = context! {
        name => secret.name.as_str(),
        kind => secret.kind,
        labels => labels.collect::<Vec<_>>(),
        namespace => namespace.as_str(),
        store => secret.store().map(ObjectName::as_str),
        data => data.collect::<Vec<_>>(),
        template => template.collect::<Vec<_>>(),
    };
    engine.page(EXTERNAL_SECRET, context)
}

fn chart_source(namespace: &NamespaceName, source: &Source, engine: &Engine<'_>) -> Result<String, String> {
    let (name, namespace) = (source.chart.name.as_ref(), namespace.as_str());
    match &source.chart.source {
        ChartSource::Oci(url) => {
            // The tag of a chart is its version, but tags cannot contain a `+`.
            let tag = source.version.as_str().replace('+', "_");
            // The identity in the certificate of the signature is the path of the workflow.
            let workflows =
                |repository: &str| format!("^https://github\\.com/{repository}/\\.github/workflows/[^@]+@refs/.+$");
            let signer = source.chart.signer.map(workflows);
            engine.page(OCI_REPOSITORY, context! { name, namespace, url => url.as_ref(), tag, signer })
        }
        ChartSource::Http(url) => engine.page(HELM_REPOSITORY, context! { name, namespace, url => url.as_ref() }),
    }
}

fn helm_release(namespace: &NamespaceName, release: &Release, engine: &Engine<'_>) -> Result<String, String> {
    let chart = &release.chart;
    let mut values = match &release.values {
        Some((template, context)) => engine.tree(*template, Serde(Variables(context)).into())?,
        None => Value::map(),
    };
    values.merge(&release.overrides);
    let mut post_renderers = Vec::new();
    let mut patch = |template, variables| -> Result<(), String> {
        if let Value::Seq(items) = engine.tree(template, variables)? {
            post_renderers.extend(items);
        }
        Ok(())
    };
    if let Some((template, variables)) = &release.post_render {
        patch(*template, Serde(Variables(variables)).into())?;
    }
    if release.restarts {
        patch(RESTARTS, context! { annotation => RESTART_ANNOTATION })?;
    }
    let context = context! {
        name => release.name.as_str(),
        namespace => namespace.as_str(),
        chart => chart.name.as_ref(),
        version => release.version.as_str(),
        source_kind => chart.source.kind(),
        schema_is_remote => chart.schema_is_remote,
        // Printed here, because the template engine would copy the values twice.
        values => (!values.is_empty()).then(|| printed(&values)),
        post_render => (!post_renderers.is_empty()).then(|| printed(&Value::Seq(post_renderers))),
    };
    engine.page(HELM_RELEASE, context)
}
