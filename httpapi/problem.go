package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"keytrail/storage"
)

// kind is a sort of problem. Its text ends the URN that a problem has as type, and never changes.
type kind string

// The kinds of problems.
const (
	unknownParameter     kind = "unknown-parameter"
	badParameter         kind = "bad-parameter"
	badKey               kind = "bad-key"
	badSHA               kind = "bad-sha"
	badCursor            kind = "bad-cursor"
	badBody              kind = "bad-body"
	bodyTooLarge         kind = "body-too-large"
	unsupportedMediaType kind = "unsupported-media-type"
	unauthorized         kind = "unauthorized"
	crossOrigin          kind = "cross-origin"
	misdirected          kind = "misdirected"
	routeNotFound        kind = "route-not-found"
	methodNotAllowed     kind = "method-not-allowed"
	repositoryNotFound   kind = "repository-not-found"
	repositoryRetired    kind = "repository-retired"
	commitNotFound       kind = "commit-not-found"
	diffNotServed        kind = "diff-not-served"
	objectsRefused       kind = "objects-refused"
	diffTooLarge         kind = "diff-too-large"
	sourceUnavailable    kind = "source-unavailable"
	sourceFailed         kind = "source-failed"
	diskFull             kind = "disk-full"
	actionNotSupported   kind = "action-not-supported"
	hostTokenNeeded      kind = "host-token-needed"
	hostForbids          kind = "host-forbids"
	hostRefuses          kind = "host-refuses"
	hostThrottles        kind = "host-throttles"
	hostFailed           kind = "host-failed"
	notReady             kind = "not-ready"
	interrupted          kind = "interrupted"
	indexCorrupt         kind = "index-corrupt"
	internal             kind = "internal"
)

// describe gives the HTTP status of a kind and its title.
func (k kind) describe() (status int, title string) {
	switch k {
	case unknownParameter:
		return http.StatusBadRequest, "The query has an unknown parameter"
	case badParameter:
		return http.StatusBadRequest, "A parameter has a value that cannot be used"
	case badKey:
		return http.StatusBadRequest, "This is no issue key"
	case badSHA:
		return http.StatusBadRequest, "This is no full commit id"
	case badCursor:
		return http.StatusBadRequest, "The cursor cannot be used here"
	case badBody:
		return http.StatusBadRequest, "The body of the request cannot be used"
	case bodyTooLarge:
		return http.StatusRequestEntityTooLarge, "The body of the request is too large"
	case unsupportedMediaType:
		return http.StatusUnsupportedMediaType, "The body of the request is not JSON"
	case unauthorized:
		return http.StatusUnauthorized, "A valid token is needed"
	case crossOrigin:
		return http.StatusForbidden, "Another site's page may not change anything here"
	case misdirected:
		return http.StatusMisdirectedRequest, "The request is for another host"
	case routeNotFound:
		return http.StatusNotFound, "There is no such route"
	case methodNotAllowed:
		return http.StatusMethodNotAllowed, "The route does not know this method"
	case repositoryNotFound:
		return http.StatusNotFound, "There is no such repository"
	case repositoryRetired:
		return http.StatusConflict, "The repository is retired"
	case commitNotFound:
		return http.StatusNotFound, "The repository has no such commit"
	case diffNotServed:
		return http.StatusNotImplemented, "Changes of commits are not told here"
	case objectsRefused:
		return http.StatusBadGateway, "The repository's server does not hand out what is needed"
	case diffTooLarge:
		return http.StatusInsufficientStorage, "The commit is too large to be shown"
	case sourceUnavailable:
		return http.StatusServiceUnavailable, "The repository cannot be read at the moment"
	case sourceFailed:
		return http.StatusBadGateway, "The repository cannot be read"
	case diskFull:
		return http.StatusInsufficientStorage, "There is no space left"
	case actionNotSupported:
		return http.StatusNotImplemented, "The repository's host cannot do this"
	case hostTokenNeeded:
		return http.StatusForbidden, "Your own token of the host is needed"
	case hostForbids:
		return http.StatusForbidden, "The host does not allow this"
	case hostRefuses:
		return http.StatusUnprocessableEntity, "The host refuses this"
	case hostThrottles:
		return http.StatusServiceUnavailable, "The host has had too many requests"
	case hostFailed:
		return http.StatusBadGateway, "The host could not be asked"
	case notReady:
		return http.StatusServiceUnavailable, "The daemon is not ready"
	case interrupted:
		return http.StatusServiceUnavailable, "The request was interrupted"
	case indexCorrupt:
		return http.StatusInternalServerError, "The index is damaged"
	default:
		return http.StatusInternalServerError, "Something went wrong inside"
	}
}

// problem is an error that a client is told. Its detail names what is wrong and the way out, and holds no path of
// the machine, no URL and no secret.
type problem struct {
	kind   kind
	detail string
}

func (p *problem) Error() string { return p.detail }

func problemf(k kind, format string, args ...any) error {
	return &problem{kind: k, detail: fmt.Sprintf(format, args...)}
}

// problemOf finds what a client is told of an error. For one that is not its business it says only where to look.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &problem{interrupted, "the request ended before its answer was complete: ask again"}
	case errors.Is(err, storage.ErrNotFound):
		return &problem{repositoryNotFound, "the repository is not in the index any more: ask for the list of repositories"}
	case errors.Is(err, storage.ErrCorrupt):
		return &problem{indexCorrupt, "the index is damaged: the log says where; stop the daemon and run keytrail verify"}
	}
	return &problem{internal, "the request could not be answered: the log of the daemon says why"}
}

// problemBody is the JSON of RFC 9457 section 3.
type problemBody struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// problemType is what the type of each problem begins with.
const problemType = "urn:keytrail:problem:"

// fail answers with the problem that err is. An answer that has already begun is cut off instead, so that the
// client cannot take it for whole.
func (s *Server) fail(w *response, r *http.Request, err error) {
	p := problemOf(err)
	status, title := p.kind.describe()
	if status == http.StatusInternalServerError {
		s.options.Log.Error().Err(err).Str("route", w.route).Str("method", r.Method).Msg("request failed")
	}
	if w.status != 0 {
		panic(http.ErrAbortHandler)
	}
	if p.kind == unauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="keytrail"`)
	}
	w.Header().Del("ETag")
	w.Header().Set("Cache-Control", "no-store")
	body := encode(problemBody{Type: problemType + string(p.kind), Title: title, Status: status, Detail: p.detail})
	writeBody(w, status, "application/problem+json", body)
}
