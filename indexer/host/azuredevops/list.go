package azuredevops

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// negotiated asks in the version of the API that the host is known to speak, and in older ones while it answers status 400, as a Server
// does that is older than the version. What is refused so has changed nothing. A request that is refused for another reason is refused in
// every version: the first refusal is given.
func negotiated[T any](h *Host, ask func(version string) (T, error)) (T, error) {
	var first error
	for i := h.spoken.Load(); int(i) < len(h.site.versions); i++ {
		answer, err := ask(h.site.versions[i])
		var e *host.Error
		switch {
		case err == nil:
			h.spoken.Store(i)
			return answer, nil
		case !errors.As(err, &e) || e.Status != http.StatusBadRequest:
			return answer, err
		case first == nil:
			first = err
		}
	}
	var none T
	return none, first
}

// version is what the host is known to speak.
func (h *Host) version() string { return h.site.versions[h.spoken.Load()] }

// repositories gives the repositories of an owner as the host tells of them. They come in one answer; a host that would part them must not
// make the rest look deleted, so its way to go on with a list, documented for projects, is followed.
func (h *Host) repositories(ctx context.Context, owner string) ([]any, error) {
	ref := h.site.listed(owner)
	return negotiated(h, func(version string) ([]any, error) {
		return h.api.Collect(ctx, versioned(ref, version), "value", func(p hostapi.Page) (string, error) {
			token := p.Header.Get("X-Ms-Continuationtoken")
			if token == "" {
				return "", nil
			}
			return versioned(ref, version, "continuationToken", token), nil
		})
	})
}

// list reads all pages of a list that goes by $top and $skip: the last page is not full. The suffix is that of the version.
func list[T any](ctx context.Context, h *Host, api *hostapi.Client, ref, suffix string, parameters ...string) ([]T, error) {
	size := cmp.Or(h.config.Limits.PageSize, maxPage)
	return negotiated(h, func(version string) ([]T, error) {
		at := func(skip int) string {
			return versioned(ref, version+suffix, append(paged(size, skip), parameters...)...)
		}
		var all []T
		next := func(p hostapi.Page) (string, error) {
			some, err := values[T](p.Answer)
			all = append(all, some...)
			if err != nil || len(some) < size {
				return "", err
			}
			return at(len(all)), nil
		}
		for _, err := range api.Pages(ctx, at(0), next) {
			if err != nil {
				return nil, err
			}
		}
		return all, nil
	})
}

// values reads what an answer holds in the envelope of every list.
func values[T any](a hostapi.Answer) ([]T, error) {
	var envelope struct {
		Value []T `json:"value"`
	}
	if err := a.Decode(&envelope); err != nil {
		return nil, err
	}
	if envelope.Value == nil {
		return nil, host.Problem(host.ErrAnswer, "an answer is not the list that the host documents: check the url of the integration")
	}
	return envelope.Value, nil
}
