package codecommit

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"time"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// throttleWait is how long to leave the API alone after it has refused a call as one too many; it does not say itself.
const throttleWait = 5 * time.Second

// maxPages is how many pages a list has at most, where no limit is configured.
const maxPages = 10_000

// newClient makes a client of the API.
func newClient(c host.Config, k keys) (*hostapi.Client, error) {
	base := c.API
	if base == "" {
		base = "https://" + address(service, c.Region)
	}
	o := hostapi.For(c, base, authorize(k, c.Region))
	o.Header = http.Header{"Content-Type": {"application/x-amz-json-1.1"}}
	o.Means, o.Throttled = means, throttled
	return hostapi.New(o)
}

// reason is the name of an answer's error, as AccessDeniedException. A name space may stand before it, and an address behind.
func reason(a hostapi.Answer) string {
	var refusal struct {
		Type string `json:"__type"`
	}
	if a.Decode(&refusal) != nil {
		return ""
	}
	name := refusal.Type[strings.LastIndex(refusal.Type, "#")+1:]
	name, _, _ = strings.Cut(name, ":")
	return name
}

// means gives the status that a refusal would have elsewhere: nearly all are 400 here. The names are those of the API's reference, for
// each call and as common errors.
func means(a hostapi.Answer) int {
	if a.Status != http.StatusBadRequest {
		return a.Status
	}
	switch name := reason(a); {
	case name == "UnrecognizedClientException", name == "InvalidClientTokenId", name == "ExpiredTokenException", name == "RequestExpired",
		strings.HasPrefix(name, "InvalidSignature"), strings.HasPrefix(name, "IncompleteSignature"), strings.HasPrefix(name, "MissingAuthenticationToken"):
		return http.StatusUnauthorized
	case name == "AccessDeniedException", name == "NotAuthorized", name == "OptInRequired", name == "EncryptionKeyAccessDeniedException":
		return http.StatusForbidden
	case strings.HasSuffix(name, "DoesNotExistException"):
		return http.StatusNotFound
	case name == "InternalFailure", name == "ServiceUnavailable", name == "EncryptionKeyUnavailableException":
		return http.StatusServiceUnavailable
	}
	return a.Status
}

// throttled knows the limits behind status 400.
func throttled(a hostapi.Answer) (time.Time, bool) {
	switch reason(a) {
	case "ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded":
		return time.Now().Add(throttleWait), true
	}
	return time.Time{}, false
}

// ask calls an operation that changes nothing.
func ask(ctx context.Context, api *hostapi.Client, operation string, in map[string]any) (hostapi.Answer, error) {
	return api.Do(ctx, request(operation, in, true))
}

// request is a call of an operation.
func request(operation string, in map[string]any, isRepeatable bool) hostapi.Request {
	return hostapi.Request{
		Method: http.MethodPost, Ref: "/", Body: in, Repeatable: isRepeatable,
		Header: http.Header{"X-Amz-Target": {"CodeCommit_20150413." + operation}},
	}
}

// list calls an operation for page after page. Read takes a page and gives the token of the next one, empty after the last. A host
// that sends in circles or without end is stopped.
func (h *Host) list(ctx context.Context, api *hostapi.Client, operation string, in map[string]any, read func(hostapi.Answer) (next string, err error)) error {
	most := h.config.Limits.Pages
	if most == 0 {
		most = maxPages
	}
	in = maps.Clone(in)
	seen := map[string]bool{}
	for {
		answer, err := ask(ctx, api, operation, in)
		if err != nil {
			return err
		}
		next, err := read(answer)
		switch {
		case err != nil || next == "":
			return err
		case seen[next]:
			return host.Problem(host.ErrAnswer, "%s leads to a page already read: look at the host, or at a proxy before it", operation)
		case len(seen)+1 == most:
			return host.Problem(host.ErrTooLarge, "%s has more than %d pages: use an account that sees less", operation, most)
		}
		seen[next] = true
		in["nextToken"] = next
	}
}
