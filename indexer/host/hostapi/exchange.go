package hostapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"keytrail/indexer/host"
)

// exchange sends a request, when the host's limits let it, and reads the answer. It sends it once, or twice where the credentials can be
// renewed.
func (c *Client) exchange(ctx context.Context, r Request, at *url.URL) (Answer, error) {
	answer, sent, err := c.exchangeOnce(ctx, r, at)
	var e *host.Error
	if c.renew != nil && errors.As(err, &e) && e.Status == http.StatusUnauthorized && sent != nil {
		c.renew(sent)
		answer, _, err = c.exchangeOnce(ctx, r, at)
	}
	return answer, err
}

// exchangeOnce gives the header that was sent too; nil when none was.
func (c *Client) exchangeOnce(ctx context.Context, r Request, at *url.URL) (answer Answer, sent http.Header, err error) {
	if err := c.admit(ctx); err != nil {
		return Answer{}, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Limits.Exchange)
	defer cancel()
	request, secrets, err := c.request(ctx, r, at)
	if err != nil {
		// Where the credentials are asked for has its own retries.
		return Answer{}, nil, backoff.Permanent(err)
	}
	if c.caller != nil && c.caller.Making != nil && r.makes() {
		c.caller.Making()
	}
	began := time.Now()
	answer, err = c.roundTrip(request)
	if err == nil {
		err = c.judge(answer, secrets)
	}
	err = secrets.clean(err)
	if c.options.Observe != nil {
		c.options.Observe(host.Call{
			Status: answer.Status, Duration: time.Since(began), Received: int64(len(answer.Body)), Err: err, InBackground: c.lane == background,
		})
	}
	if err != nil {
		return Answer{}, request.Header, err
	}
	return answer, request.Header, nil
}

// admit returns when the host's limits and the own one let a request go. The host may ask to wait while a request waits for its turn.
func (c *Client) admit(ctx context.Context) error {
	for {
		if err := c.gate.wait(ctx, c.patience(ctx)); err != nil {
			return err
		}
		if err := c.turns.wait(ctx, c.lane); err != nil {
			return &host.Error{Kind: host.ErrUnreachable, Text: "the own limit of requests leaves no time for it", Err: err}
		}
		if c.gate.isOpen() {
			return nil
		}
	}
}

// request makes the request, and tells what of it is secret.
func (c *Client) request(ctx context.Context, r Request, at *url.URL) (*http.Request, secrets, error) {
	var body io.Reader
	if r.Body != nil {
		encoded, err := json.Marshal(r.Body)
		if err != nil {
			return nil, nil, &host.Error{Kind: host.ErrConfig, Text: "the request cannot be written as JSON", Err: err}
		}
		body = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, at.String(), body)
	if err != nil {
		return nil, nil, host.Problem(host.ErrConfig, "the request cannot be made: check url and api_path of the integration")
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", userAgent)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(request.Header, c.options.Header)
	maps.Copy(request.Header, r.Header)
	before := request.Header.Clone()
	if err := c.addHeaders(ctx, request.Header); err != nil {
		return nil, nil, unauthorized(err)
	}
	if c.options.Authorize != nil {
		if err := c.options.Authorize(ctx, request); err != nil {
			return nil, nil, unauthorized(err)
		}
	}
	return request, addedSecrets(before, request.Header), nil
}

// addHeaders adds the secret fields of the options.
func (c *Client) addHeaders(ctx context.Context, to http.Header) error {
	if c.options.Headers == nil {
		return nil
	}
	fields, err := c.options.Headers(ctx)
	if err != nil {
		return err
	}
	for name, values := range fields {
		if slices.ContainsFunc(values, hasControls) {
			return host.Problem(host.ErrAuth, "the header %s holds a line break or another control character: correct where it is kept", name)
		}
		to[http.CanonicalHeaderKey(name)] = values
	}
	return nil
}

// unauthorized is the error of a request that cannot be authorised.
func unauthorized(err error) error {
	var made *host.Error
	if errors.As(err, &made) {
		return err
	}
	return &host.Error{Kind: host.ErrAuth, Text: "the credentials cannot be had", Err: err}
}

// roundTrip sends a request and reads the whole answer.
func (c *Client) roundTrip(request *http.Request) (Answer, error) {
	response, err := c.http.Do(request)
	if err != nil {
		return Answer{}, unreachable(err)
	}
	defer response.Body.Close()
	answer := Answer{Status: response.StatusCode, Header: response.Header}
	limit := c.options.Limits.Body
	answer.Body, err = io.ReadAll(io.LimitReader(response.Body, limit+1))
	switch {
	case int64(len(answer.Body)) > limit:
		answer.Body = nil
		return answer, host.Problem(host.ErrTooLarge, "an answer has more than %d bytes: let the host list less, by an organisation or api_path", limit)
	case err != nil && answer.Status >= http.StatusBadRequest:
		return answer, nil // the status has said what counts
	case err != nil:
		return answer, &host.Error{Kind: host.ErrAnswer, Text: "the connection ended within the answer: look at the host, or at a proxy before it, if this stays",
			Err: fmt.Errorf("%w: %w", errCut, withoutURL(err))}
	}
	answer.Body = bytes.TrimPrefix(answer.Body, []byte(c.options.Prefix))
	return answer, nil
}

// errCut marks an answer that may be whole the next time.
var errCut = errors.New("cut short")

func isCut(err error) bool { return errors.Is(err, errCut) }

// unreachable makes an error of a request that got no answer, unless it is one already.
func unreachable(err error) error {
	var made *host.Error
	if errors.As(err, &made) {
		return made
	}
	return &host.Error{Kind: host.ErrUnreachable, Text: "no answer: check that the host runs and that firewall and proxy let it be reached",
		Err: withoutURL(err)}
}

// withoutURL takes the URL off an error of net/http: its query is for no log.
func withoutURL(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}
