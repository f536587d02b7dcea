// Command promql checks expressions with the parser and the engine of Prometheus.
//
// It reads a JSON list of questions from stdin, and writes a JSON list with the answer to each to stdout. A question has
// an expression, and series in the notation of promtool's unit tests, one sample each minute:
//
//	{"expression": "up == 0", "series": {"up{job=\"a\"}": "1 1 0"}, "minute": 2}
//
// An answer has the names of the metrics that the expression selects, and the labels of the series that it returns at that
// minute. If the expression is wrong, it has an error.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

type question struct {
	Expression string            `json:"expression"`
	Series     map[string]string `json:"series"`
	Minute     int               `json:"minute"`
}

type answer struct {
	Error   string              `json:"error,omitempty"`
	Metrics []string            `json:"metrics"`
	Result  []map[string]string `json:"result"`
}

// series are all series of a question, kept in memory.
type series []storage.Series

func (all series) Querier(_, _ int64) (storage.Querier, error) { return all, nil }

func (all series) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	found := slices.DeleteFunc(slices.Clone(all), func(one storage.Series) bool {
		return slices.ContainsFunc(matchers, func(matcher *labels.Matcher) bool {
			return !matcher.Matches(one.Labels().Get(matcher.Name))
		})
	})
	slices.SortFunc(found, func(one, other storage.Series) int { return labels.Compare(one.Labels(), other.Labels()) })
	return &set{found: found, at: -1}
}

func (series) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (series) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (series) Close() error { return nil }

type set struct {
	found []storage.Series
	at    int
}

func (s *set) Next() bool                      { s.at++; return s.at < len(s.found) }
func (s *set) At() storage.Series              { return s.found[s.at] }
func (*set) Err() error                        { return nil }
func (*set) Warnings() annotations.Annotations { return nil }

// sample is a value at a time in milliseconds.
type sample struct {
	time  int64
	value float64
}

func (s sample) T() int64                    { return s.time }
func (sample) ST() int64                     { return 0 }
func (s sample) F() float64                  { return s.value }
func (sample) H() *histogram.Histogram       { return nil }
func (sample) FH() *histogram.FloatHistogram { return nil }
func (sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample         { return s }

func main() {
	var questions []question
	if err := json.NewDecoder(os.Stdin).Decode(&questions); err != nil {
		fmt.Fprintln(os.Stderr, "promql:", err)
		os.Exit(2)
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, LookbackDelta: 5 * time.Minute})
	answers := make([]answer, 0, len(questions))
	for _, asked := range questions {
		given, err := asked.answer(engine)
		if err != nil {
			given.Error = err.Error()
		}
		answers = append(answers, given)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		fmt.Fprintln(os.Stderr, "promql:", err)
		os.Exit(1)
	}
}

func (asked question) answer(engine *promql.Engine) (answer, error) {
	given := answer{Metrics: []string{}, Result: []map[string]string{}}
	expressions := parser.NewParser(parser.Options{})
	parsed, err := expressions.ParseExpr(asked.Expression)
	if err != nil {
		return given, err
	}
	given.Metrics = metrics(parsed)
	if asked.Series == nil {
		return given, nil
	}
	known := series{}
	for description, values := range asked.Series {
		one, err := read(expressions, description+" "+values)
		if err != nil {
			return given, err
		}
		known = append(known, one)
	}
	at := time.Unix(0, 0).Add(time.Duration(asked.Minute) * time.Minute)
	query, err := engine.NewInstantQuery(context.Background(), known, nil, asked.Expression, at)
	if err != nil {
		return given, err
	}
	defer query.Close()
	vector, err := query.Exec(context.Background()).Vector()
	if err != nil {
		return given, err
	}
	for _, one := range vector {
		given.Result = append(given.Result, one.Metric.Map())
	}
	return given, nil
}

// metrics returns the names of the metrics that an expression selects, each once.
func metrics(expression parser.Expr) []string {
	names := []string{}
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			for _, matcher := range selector.LabelMatchers {
				if matcher.Name == labels.MetricName {
					names = append(names, matcher.Value)
				}
			}
		}
		return nil
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// read returns a series of the notation of promtool's unit tests.
func read(expressions parser.Parser, text string) (storage.Series, error) {
	name, values, err := expressions.ParseSeriesDesc(text)
	if err != nil {
		return nil, err
	}
	var samples []chunks.Sample
	for minute, value := range values {
		if !value.Omitted {
			samples = append(samples, sample{time: int64(minute) * 60_000, value: value.Value})
		}
	}
	return storage.NewListSeries(name, samples), nil
}
