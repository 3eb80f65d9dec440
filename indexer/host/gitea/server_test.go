package gitea

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"keytrail/indexer/host"
	"keytrail/indexer/host/gitea/giteatest"
)

// receiver takes deliveries.
type receiver struct {
	url        string
	deliveries chan host.Delivery
}

func startReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{deliveries: make(chan host.Delivery, 1000)}
	listener := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			t.Error(err)
		}
		r.deliveries <- host.Delivery{Header: request.Header.Clone(), Body: body}
	}))
	t.Cleanup(listener.Close)
	r.url = listener.URL
	return r
}

// await gives the first event that a test wants; all before it must be authentic too.
func (r *receiver) await(t *testing.T, hooks host.Webhooks, wanted func(host.Event) bool) host.Event {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), giteatest.Patience, errors.New("no such delivery came"))
	defer cancel()
	for {
		select {
		case d := <-r.deliveries:
			if err := hooks.Verify(ctx, d); err != nil {
				t.Fatal(err)
			}
			e, err := hooks.Event(d)
			if err != nil {
				t.Fatal(err)
			}
			if wanted(e) {
				return e
			}
		case <-ctx.Done():
			t.Fatal(context.Cause(ctx))
		}
	}
}
