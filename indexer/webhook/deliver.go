package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"keytrail/indexer/host"
)

// The reasons for which a delivery is not taken.
var (
	// ErrRefused is of a delivery that nothing proves to come from the host of the integration, and of one to an integration that
	// there is not or that has no webhook: who asks must not learn which it is.
	ErrRefused = errors.New("the delivery is not taken: it is for no integration with a webhook, or its proof is not good")
	// ErrBody is of a delivery that is the host's and cannot be read. The text is for whoever set the webhook up.
	ErrBody = errors.New("the body cannot be read")
	// ErrBusy is of a delivery that the host is to send again later.
	ErrBusy = errors.New("too much is waiting to be done: deliver it again")
)

const (
	// verifyTimeout is how long a proof may take: some hosts have a certificate to be fetched.
	verifyTimeout = 5 * time.Second
	// maxDepth is how deep the JSON of a body may be nested.
	maxDepth = 64
)

// Deliver takes a delivery to an integration. Its error is ErrRefused, ErrBody or ErrBusy.
func (r *Receiver) Deliver(ctx context.Context, integration string, d host.Delivery) error {
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	a := r.queue.account(integration)
	if a == nil {
		r.count("", outcomeRefused)
		r.queue.strange.do("no integration", func() {
			r.log.Warn().Str("integration", fmt.Sprintf("%.70s", integration)).
				Msg("webhook refused: the configuration has no integration of this name whose host sends webhooks; others like this are not logged for a while")
		})
		return ErrRefused
	}
	if err := a.Hooks.Verify(ctx, d); err != nil {
		r.refuse(a, err)
		return ErrRefused
	}
	e, err := read(a, d)
	_, err = r.settle(ctx, a, d, e, err)
	return err
}

// DeliverBySecret takes a delivery to whatever integrations the secret in its URL is of. A body that the host of such an integration
// does not send names the repository as a build does, see Event of Plain. Its error is ErrRefused, ErrBody or ErrBusy.
func (r *Receiver) DeliverBySecret(ctx context.Context, d host.Delivery) error {
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	var of []*account
	for _, a := range r.queue.accounts() { // all of them, so that time does not tell which
		if a.Secret != nil && host.VerifyURL(ctx, a.Secret, d) == nil {
			of = append(of, a)
		}
	}
	if len(of) == 0 {
		r.count("", outcomeRefused)
		r.queue.strange.do("no secret", func() {
			r.log.Warn().Msg("webhook refused: the secret in its URL is that of no integration, see webhook.secret; others like this are not logged for a while")
		})
		return ErrRefused
	}
	named, isPlain := plainEvent(d.Body)
	var errs []error
	isOfUse := false
	for _, a := range of {
		e, err := read(a, d)
		if isPlain && (err != nil || e.Kind == host.EventOther) {
			e, err = named, nil
		}
		outcome, err := r.settle(ctx, a, d, e, err)
		if err != nil {
			errs = append(errs, err)
		}
		isOfUse = isOfUse || outcome == outcomeAccepted || outcome == outcomeDuplicate
	}
	if isPlain && !isOfUse {
		r.complainOfStrangers(of, named)
	}
	if len(errs) == len(of) {
		return errs[0]
	}
	return nil
}

// refuse tells operators of a delivery whose proof is not good, once in a while at a level that is noticed.
func (r *Receiver) refuse(a *account, err error) {
	r.count(a.Name, outcomeRefused)
	r.complain(a, r.logOf(a, host.Event{}), err.Error(), "webhook refused")
}

// read reads a delivery that is verified. A body that holds nothing is about all repositories of the integration.
func read(a *account, d host.Delivery) (host.Event, error) {
	body := bytes.TrimSpace(d.Body)
	if len(body) == 0 {
		body = []byte("{}")
		d.Body = body
	}
	if isDeep(body) {
		return host.Event{}, fmt.Errorf("its JSON is nested more than %d levels deep", maxDepth)
	}
	e, err := a.Hooks.Event(d)
	if isBare(body) && (err != nil || e.Kind == host.EventOther && len(e.Subjects) == 0) {
		return host.Event{Kind: host.EventPush, Delivery: e.Delivery}, nil
	}
	return e, err
}

// isBare tells whether a body is an empty object.
func isBare(body []byte) bool {
	return len(body) > 1 && body[0] == '{' && len(bytes.TrimSpace(body[1:])) == 1 && body[len(body)-1] == '}'
}

// isDeep tells whether JSON is nested deeper than allowed, before it is read.
func isDeep(body []byte) bool {
	depth, inText := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// settle notes what is to be done for a delivery that is the host's, or that it could not be read, and gives the outcome.
func (r *Receiver) settle(ctx context.Context, a *account, d host.Delivery, e host.Event, err error) (outcome string, _ error) {
	log := r.logOf(a, e)
	switch {
	case err != nil:
		r.count(a.Name, outcomeMalformed)
		r.complain(a, log.With().Str("holds", keysIn(d.Body)).Logger(), err.Error(), "webhook cannot be read")
		return outcomeMalformed, fmt.Errorf("%w: %w", ErrBody, err)
	case e.Kind == host.EventConfirmation:
		return outcomeAccepted, r.acceptConfirmation(ctx, a, d)
	case e.Kind == host.EventOther && len(e.Subjects) == 0:
		r.count(a.Name, outcomeIgnored)
		r.complain(a, log.With().Str("holds", keysIn(d.Body)).Logger(), "it names no repository and is no event that is looked at: "+
			"choose the events that keytrail webhooks prints", "webhook has nothing for the index")
		return outcomeIgnored, nil
	case e.Kind == host.EventPing || e.Kind == host.EventOther:
		r.count(a.Name, outcomeIgnored)
		log.Debug().Msg("webhook has nothing for the index")
		return outcomeIgnored, nil
	}
	outcome = r.queue.note(a, e, digest(a, e, d), r.now())
	r.count(a.Name, outcome)
	log.Debug().Int("subjects", len(e.Subjects)).Str("outcome", outcome).Msg("webhook taken")
	return outcome, nil
}

// digest tells a delivery from all others; zero when the host gives deliveries no id, so that two like each other may be of two changes.
func digest(a *account, e host.Event, d host.Delivery) (sum [sha256.Size]byte) {
	if e.Delivery == "" {
		return sum
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q %q", a.Name, e.Delivery)
	h.Write(d.Body)
	h.Sum(sum[:0])
	return sum
}
