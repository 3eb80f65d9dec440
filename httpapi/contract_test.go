package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// document is openapi.yaml, read and closed: an object may have the fields only that its schema lists, though the
// contract lets later versions add some.
type document struct {
	*openapi3.T
	router routers.Router
}

var loadContract = sync.OnceValues(func() (*document, error) {
	doc, err := openapi3.NewLoader().LoadFromData(contract)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaPatternValidation()); err != nil {
		return nil, err
	}
	closed := map[*openapi3.Schema]bool{}
	for _, schema := range doc.Components.Schemas {
		closeSchema(schema, closed)
	}
	for _, item := range doc.Paths.Map() {
		for _, operation := range item.Operations() {
			for _, response := range operation.Responses.Map() {
				for _, media := range response.Value.Content {
					closeSchema(media.Schema, closed)
				}
			}
		}
	}
	openapi3filter.RegisterBodyDecoder(patchType, openapi3filter.FileBodyDecoder)
	router, err := gorillamux.NewRouter(doc)
	return &document{doc, router}, err
})

func closeSchema(ref *openapi3.SchemaRef, closed map[*openapi3.Schema]bool) {
	if ref == nil || closed[ref.Value] {
		return
	}
	s := ref.Value
	closed[s] = true
	if len(s.Properties) > 0 {
		no := false
		s.AdditionalProperties = openapi3.BoolSchema{Has: &no}
	}
	for _, p := range s.Properties {
		closeSchema(p, closed)
	}
	for _, p := range s.OneOf {
		closeSchema(p, closed)
	}
	closeSchema(s.Items, closed)
}

func contractOf(t testing.TB) *document {
	t.Helper()
	doc, err := loadContract()
	if err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	return doc
}

// holdToContract checks an answer, and the request too when it succeeded.
func holdToContract(t testing.TB, method, target, body string, header http.Header, answer *http.Response, answered []byte) {
	t.Helper()
	doc := contractOf(t)
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header = header
	if method == http.MethodHead {
		r.Method = http.MethodGet
	}
	media, _, _ := strings.Cut(answer.Header.Get("Content-Type"), ";")
	route, params, err := doc.router.FindRoute(r)
	if err != nil {
		if answer.StatusCode < 400 && answer.StatusCode/100 != 3 {
			t.Errorf("%s %s: answered %d, but the contract has no such route", method, target, answer.StatusCode)
		}
		holdToSchema(t, doc.Components.Schemas[failureSchema(target)], answered)
		return
	}
	options := &openapi3filter.Options{IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}
	request := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: options}
	if answer.StatusCode < 400 {
		if err := openapi3filter.ValidateRequest(context.Background(), request); err != nil {
			t.Errorf("%s %s: answered %d, but the contract forbids the request: %v", method, target, answer.StatusCode, err)
		}
	}
	if media == "application/x-ndjson" {
		options.ExcludeResponseBody = true
		schema := route.Operation.Responses.Status(answer.StatusCode).Value.Content.Get(media).Schema
		for line := range bytes.Lines(answered) {
			holdToSchema(t, schema, line)
		}
	}
	if method == http.MethodHead {
		options.ExcludeResponseBody = true
	}
	response := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: answer.StatusCode, Header: answer.Header,
		Body: io.NopCloser(bytes.NewReader(answered)), Options: options,
	}
	if err := openapi3filter.ValidateResponse(context.Background(), response); err != nil {
		t.Errorf("%s %s: the contract forbids the answer %d: %v\n%s", method, target, answer.StatusCode, err, answered)
	}
}

// failureSchema names the form of an error where there is no route.
func failureSchema(target string) string {
	switch path, _, _ := strings.Cut(target, "?"); {
	case isGIJ(path):
		return "GIJFailure"
	case isDialect(path):
		return "BitbucketFailure"
	}
	return "Problem"
}

func holdToSchema(t testing.TB, schema *openapi3.SchemaRef, text []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Errorf("%v in %s", err, text)
	} else if err := schema.Value.VisitJSON(v); err != nil {
		t.Errorf("the contract forbids %s: %v", text, err)
	}
}

func TestContractIsValidAndServed(t *testing.T) {
	contractOf(t)
	answer := newFixture(t).get("/openapi.yaml")
	if answer.status != http.StatusOK || !bytes.Equal(answer.body, contract) {
		t.Errorf("status %d, %d bytes; want the %d bytes of the file", answer.status, len(answer.body), len(contract))
	}
}

func TestRoutesAndContractAgree(t *testing.T) {
	var described, routed []string
	for path, item := range contractOf(t).Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	for pattern := range newFixture(t).server.routes {
		routed = append(routed, pattern)
	}
	slices.Sort(described)
	slices.Sort(routed)
	if !slices.Equal(described, routed) {
		t.Errorf("the contract describes\n%s\nthe server answers\n%s", strings.Join(described, "\n"), strings.Join(routed, "\n"))
	}
}

func TestProblemKindsAndContractAgree(t *testing.T) {
	titles := map[string]bool{}
	for _, urn := range contractOf(t).Components.Schemas["Problem"].Value.Properties["type"].Value.Enum {
		slug, ok := strings.CutPrefix(urn.(string), problemType)
		status, title := kind(slug).describe()
		if !ok || status < 400 || titles[title] {
			t.Errorf("%s: status %d, title %q: want a title of its own", urn, status, title)
		}
		titles[title] = true
	}
}

// examplePath fills the parameters of a path with values that the fixture knows.
func examplePath(path string) string {
	return strings.NewReplacer("{key}", "KAFKA-7", "{id}", "1", "{integration}", "acme", "{secret}", hookSecret, "{sha}", oid(2).String(), "{version}", "1.0").Replace(path)
}

// exampleRequest gives a request to a route that the fixture answers with success.
func exampleRequest(method, path string) (target, body string) {
	target = examplePath(path)
	switch path {
	case "/api/v1/explain":
		target += "?text=x"
	case "/api/v1/export/devinfo":
		target += "?issue=KAFKA-7"
	case "/rest/gitplugin/{version}/issues/branches":
		target += "?key=KAFKA-7"
	}
	if method == http.MethodGet {
		return target, ""
	}
	switch path {
	case "/api/v1/issues/commits":
		body = `{"keys":["KAFKA-7"]}`
	case "/api/v1/associations":
		body = `{"associations":[{"key":"KAFKA-7","sha":"` + oid(3).String() + `","verdict":"add"}]}`
	case "/api/v1/repositories/{id}/branches":
		body = `{"key":"KAFKA-7"}`
	case "/api/v1/repositories/{id}/pull-requests":
		body = `{"source":"fix","title":"KAFKA-7"}`
	case "/api/v1/repositories/{id}/commits/{sha}/issues":
		body = `{"add":["KAFKA-7"]}`
	case "/rest/gitplugin/{version}/repository/{id}/pullRequest":
		body = `{"compareBranch":"fix","title":"go on"}`
	case "/rest/gitplugin/{version}/repository/{id}/commits/{sha}/issues", "/rest/gitplugin/{version}/repository/{id}/commit/{sha}/issues":
		body = `{"changeStrs":["a:KAFKA-7"]}`
	}
	return target, body
}
