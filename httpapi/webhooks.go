package httpapi

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
)

// Webhooks takes what git hosts tell of changes. A failure is a *DeliveryError. Its methods do not wait for the work that a delivery
// asks for.
type Webhooks interface {
	// Deliver takes a delivery to an integration.
	Deliver(ctx context.Context, integration string, d Delivery) error
	// DeliverBySecret takes a delivery to whatever integrations its secret is of.
	DeliverBySecret(ctx context.Context, d Delivery) error
}

// Delivery is a webhook's request.
type Delivery struct {
	Header http.Header
	Body   []byte // the exact bytes: signatures are over them
	Secret string // what the URL holds as its secret; empty: none
}

// DeliveryReason says why a delivery was not taken.
type DeliveryReason string

// The reasons.
const (
	DeliveryRefused   DeliveryReason = "refused" // there is no such webhook, or its proof is not good: who asks must not learn which
	DeliveryMalformed DeliveryReason = "malformed"
	DeliveryBusy      DeliveryReason = "busy"
)

// DeliveryError is a delivery that was not taken.
type DeliveryError struct {
	Reason DeliveryReason
	Text   string // of a malformed one, for whoever set the webhook up: what is wrong with it and the way out
}

func (e *DeliveryError) Error() string {
	if e.Text != "" {
		return string(e.Reason) + ": " + e.Text
	}
	return string(e.Reason)
}

const (
	maxDeliveryBytes   = 8 << 20
	smallDelivery      = 256 << 10 // bytes; nearly all are smaller
	maxLargeDeliveries = 8         // being read at a time: what they are is known only when they are whole
	retryDelivery      = "10"      // seconds
)

// hooks are the routes of webhooks. Those with a secret of Git Integration for Jira's form are for hosts whose webhooks were set up
// for that.
func (s *Server) hooks() []route {
	routes := []route{
		{pattern: "POST /webhooks/{integration}", serve: s.deliver},
		{pattern: "POST /webhooks/{integration}/{secret}", serve: s.deliver},
	}
	for _, path := range []string{"/rest/gitplugin/webhook/1.0/reindex/{secret}", "/git/webhook/reindex/{secret}"} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut} {
			routes = append(routes, route{pattern: method + " " + path, serve: s.deliverBySecret})
		}
	}
	for i := range routes {
		routes[i].proved, routes[i].limit = true, maxDeliveryBytes
	}
	return routes
}

// deliver takes a delivery. It answers before the work is done.
func (s *Server) deliver(w *response, r *http.Request) error {
	d, release, err := s.readDelivery(w, r)
	if err != nil {
		return err
	}
	defer release()
	err = error(&DeliveryError{Reason: DeliveryRefused})
	if s.options.Webhooks != nil {
		err = s.options.Webhooks.Deliver(r.Context(), r.PathValue("integration"), d)
	}
	if err != nil {
		return deliveryProblem(err)
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// deliverBySecret takes a delivery to a URL of Git Integration for Jira's form, and answers as that does. There is nothing to be
// asked about the thread, which is there for programs that read it.
func (s *Server) deliverBySecret(w *response, r *http.Request) error {
	if r.Method == http.MethodHead {
		w.Header().Set("Allow", "GET, POST, PUT")
		return problemf(methodNotAllowed, "the route knows GET, POST and PUT only")
	}
	d, release, err := s.readDelivery(w, r)
	if err != nil {
		return err
	}
	defer release()
	err = error(&DeliveryError{Reason: DeliveryRefused})
	if s.options.Webhooks != nil {
		err = s.options.Webhooks.DeliverBySecret(r.Context(), d)
	}
	if err != nil {
		return deliveryProblem(err)
	}
	w.Header().Set("Cache-Control", "no-store")
	writeBody(w, http.StatusOK, "application/json", encode(struct {
		Success  bool   `json:"success"`
		Finished bool   `json:"finished"`
		ThreadID string `json:"threadId"`
	}{true, false, rand.Text()}))
	return nil
}

// readDelivery reads the body of a webhook's request. The caller releases the delivery when it is done with it. A large one, of which
// many would fill the memory before a signature tells what they are, waits for none: its host delivers it again.
func (s *Server) readDelivery(w *response, r *http.Request) (d Delivery, release func(), err error) {
	release = func() {}
	d = Delivery{Header: r.Header, Secret: r.PathValue("secret")}
	d.Body, err = io.ReadAll(io.LimitReader(r.Body, smallDelivery))
	if err == nil && len(d.Body) == smallDelivery {
		select {
		case s.large <- struct{}{}:
			release = func() { <-s.large }
		default:
			return d, release, problemf(deliveriesBusy, "other large webhooks are being read: deliver it again in %s seconds", retryDelivery)
		}
		var rest []byte
		rest, err = io.ReadAll(r.Body)
		d.Body = append(d.Body, rest...)
	}
	if err != nil {
		release()
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return d, release, problemf(bodyTooLarge, "the body is larger than %d bytes: have the host send fewer details", maxDeliveryBytes)
		}
		return d, release, problemf(badBody, "the body ends too early or cannot be read: deliver it again")
	}
	w.limitBody(0)
	return d, release, nil
}

// deliveryProblem tells the host why its delivery was not taken.
func deliveryProblem(err error) error {
	e, ok := errors.AsType[*DeliveryError](err)
	if !ok {
		return err
	}
	switch e.Reason {
	case DeliveryMalformed:
		return problemf(badBody, "%s", e.Text)
	case DeliveryBusy:
		return problemf(deliveriesBusy, "too much is waiting to be done: deliver it again in %s seconds", retryDelivery)
	}
	return problemf(deliveryRefused, "there is no such webhook, or the delivery does not prove that it is its host's: compare the URL and the secret "+
		"with what `keytrail webhooks` prints; the log of the daemon says more")
}
