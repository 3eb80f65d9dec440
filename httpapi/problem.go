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
	forbidden            kind = "forbidden"
	crossOrigin          kind = "cross-origin"
	misdirected          kind = "misdirected"
	routeNotFound        kind = "route-not-found"
	methodNotAllowed     kind = "method-not-allowed"
	repositoryNotFound   kind = "repository-not-found"
	repositoryRetired    kind = "repository-retired"
	feedGone             kind = "feed-gone"
	commitNotFound       kind = "commit-not-found"
	threadNotFound       kind = "thread-not-found"
	integrationNotFound  kind = "integration-not-found"
	diffNotServed        kind = "diff-not-served"
	objectsRefused       kind = "objects-refused"
	diffTooLarge         kind = "diff-too-large"
	sourceUnavailable    kind = "source-unavailable"
	sourceFailed         kind = "source-failed"
	diskFull             kind = "disk-full"
	actionNotSupported   kind = "action-not-supported"
	configured           kind = "configured-in-file"
	hostTokenNeeded      kind = "host-token-needed"
	hostForbids          kind = "host-forbids"
	hostRefuses          kind = "host-refuses"
	hostThrottles        kind = "host-throttles"
	hostFailed           kind = "host-failed"
	deliveryRefused      kind = "delivery-refused"
	deliveriesBusy       kind = "deliveries-busy"
	tooManyRequests      kind = "too-many-requests"
	notReady             kind = "not-ready"
	interrupted          kind = "interrupted"
	indexCorrupt         kind = "index-corrupt"
	internal             kind = "internal"
)

// kinds is the one table of the problems there are: their HTTP status and title.
var kinds = [...]struct {
	kind   kind
	status int
	title  string
}{
	{unknownParameter, http.StatusBadRequest, "The query has an unknown parameter"},
	{badParameter, http.StatusBadRequest, "A parameter has a value that cannot be used"},
	{badKey, http.StatusBadRequest, "This is no issue key"},
	{badSHA, http.StatusBadRequest, "This is no full commit id"},
	{badCursor, http.StatusBadRequest, "The cursor cannot be used here"},
	{badBody, http.StatusBadRequest, "The body of the request cannot be used"},
	{bodyTooLarge, http.StatusRequestEntityTooLarge, "The body of the request is too large"},
	{unsupportedMediaType, http.StatusUnsupportedMediaType, "The body of the request is not JSON"},
	{unauthorized, http.StatusUnauthorized, "A valid token is needed"},
	{forbidden, http.StatusForbidden, "The token does not allow this"},
	{crossOrigin, http.StatusForbidden, "Another site's page may not change anything here"},
	{misdirected, http.StatusMisdirectedRequest, "The request is for another host"},
	{routeNotFound, http.StatusNotFound, "There is no such route"},
	{methodNotAllowed, http.StatusMethodNotAllowed, "The route does not know this method"},
	{repositoryNotFound, http.StatusNotFound, "There is no such repository"},
	{feedGone, http.StatusGone, "The feed does not reach back so far"},
	{repositoryRetired, http.StatusConflict, "The repository is retired"},
	{commitNotFound, http.StatusNotFound, "The repository has no such commit"},
	{threadNotFound, http.StatusNotFound, "There is no such thread"},
	{integrationNotFound, http.StatusNotFound, "There is no such integration"},
	{diffNotServed, http.StatusNotImplemented, "Changes of commits are not told here"},
	{objectsRefused, http.StatusBadGateway, "The repository's server does not hand out what is needed"},
	{diffTooLarge, http.StatusInsufficientStorage, "The commit is too large to be shown"},
	{sourceUnavailable, http.StatusServiceUnavailable, "The repository cannot be read at the moment"},
	{sourceFailed, http.StatusBadGateway, "The repository cannot be read"},
	{diskFull, http.StatusInsufficientStorage, "There is no space left"},
	{actionNotSupported, http.StatusNotImplemented, "The repository's host cannot do this"},
	{configured, http.StatusNotImplemented, "This is set in the configuration file"},
	{hostTokenNeeded, http.StatusForbidden, "Your own token of the host is needed"},
	{hostForbids, http.StatusForbidden, "The host does not allow this"},
	{hostRefuses, http.StatusUnprocessableEntity, "The host refuses this"},
	{hostThrottles, http.StatusServiceUnavailable, "The host has had too many requests"},
	{hostFailed, http.StatusBadGateway, "The host failed, or could not be asked"},
	{deliveryRefused, http.StatusUnauthorized, "The webhook is not taken"},
	{deliveriesBusy, http.StatusServiceUnavailable, "Too many webhooks at once"},
	{tooManyRequests, http.StatusTooManyRequests, "Too many requests at a time"},
	{notReady, http.StatusServiceUnavailable, "The daemon is not ready"},
	{interrupted, http.StatusServiceUnavailable, "The request was interrupted"},
	{indexCorrupt, http.StatusInternalServerError, "The index is damaged"},
	{internal, http.StatusInternalServerError, "Something went wrong inside"},
}

// describe gives the HTTP status of a kind and its title.
func (k kind) describe() (status int, title string) {
	for _, row := range kinds {
		if row.kind == k {
			return row.status, row.title
		}
	}
	return internal.describe()
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
	case errors.Is(err, storage.ErrFeedGone):
		return &problem{feedGone, "the changes behind this cursor are not told any more (feed.retention), or the index is another: begin again " +
			"without a cursor, and take what the pages up to at_end add as all there is"}
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
	status, _ := p.kind.describe()
	if status == http.StatusInternalServerError {
		s.options.Log.Error().Err(err).Str("route", w.route).Str("method", r.Method).Msg("request failed")
	}
	if w.status != 0 {
		panic(http.ErrAbortHandler)
	}
	switch p.kind {
	case unauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="keytrail"`)
		if w.basic {
			w.Header().Add("WWW-Authenticate", `Basic realm="keytrail", charset="UTF-8"`)
		}
	case deliveryRefused:
		w.Header().Set("WWW-Authenticate", `Basic realm="webhook"`) // some hosts send their password only when they are asked for it
	case deliveriesBusy:
		w.Header().Set("Retry-After", retryDelivery)
	case tooManyRequests:
		w.Header().Set("Retry-After", retryRequest)
	}
	w.Header().Del("ETag")
	w.Header().Del(asOfField)
	w.Header().Set("Cache-Control", "no-store")
	body, contentType := failure(r.URL.Path, p)
	writeBody(w, status, contentType, encode(body))
}
