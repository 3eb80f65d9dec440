package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
)

const hookSecret = "kept-secret"

// recordedWebhooks remembers what was delivered.
type recordedWebhooks struct {
	delivered []string
	last      Delivery
	err       error
	during    func()
}

func (h *recordedWebhooks) Deliver(_ context.Context, integration string, d Delivery) error {
	if h.during != nil {
		h.during()
	}
	h.last = d
	h.delivered = append(h.delivered, fmt.Sprintf("%s %q %d bytes", integration, d.Secret, len(d.Body)))
	return h.err
}

func (h *recordedWebhooks) DeliverBySecret(_ context.Context, d Delivery) error {
	h.last = d
	h.delivered = append(h.delivered, fmt.Sprintf("any %q %d bytes", d.Secret, len(d.Body)))
	return h.err
}

func TestADeliveryIsHandedOnByteForByteWithoutAToken(t *testing.T) {
	const body = "{ \"ref\":\t\"refs/heads/main\" }\r\n"
	for _, c := range []struct {
		method, target, want string
		status               int
	}{
		{"POST", "/webhooks/acme", `acme "" 30 bytes`, 202},
		{"POST", "/webhooks/acme?from=host", `acme "" 30 bytes`, 202},
		{"POST", "/webhooks/acme/kept-secret", `acme "kept-secret" 30 bytes`, 202},
		{"POST", "/webhooks/acme/a%2Fb", `acme "a/b" 30 bytes`, 202},
		{"POST", "/rest/gitplugin/webhook/1.0/reindex/kept-secret", `any "kept-secret" 30 bytes`, 200},
		{"PUT", "/rest/gitplugin/webhook/1.0/reindex/kept-secret", `any "kept-secret" 30 bytes`, 200},
		{"GET", "/rest/gitplugin/webhook/1.0/reindex/kept-secret", `any "kept-secret" 0 bytes`, 200},
		{"GET", "/git/webhook/reindex/kept-secret", `any "kept-secret" 0 bytes`, 200},
	} {
		f := newFixture(t, withTokens)
		sent := body
		if c.method == "GET" {
			sent = ""
		}
		answer := f.do(c.method, c.target, sent, "Content-Type", "application/json", "X-Signature", "sha256=00", "Host", "git.example.com")
		if answer.status != c.status || len(f.webhooks.delivered) != 1 || f.webhooks.delivered[0] != c.want {
			t.Errorf("%s %s: status %d, delivered %q; want %d, %q", c.method, c.target, answer.status, f.webhooks.delivered, c.status, c.want)
		}
		if string(f.webhooks.last.Body) != sent || f.webhooks.last.Header.Get("X-Signature") != "sha256=00" {
			t.Errorf("%s %s: delivered %q with %v", c.method, c.target, f.webhooks.last.Body, f.webhooks.last.Header)
		}
	}
}

// jsonOf gives JSON of a length in bytes.
func jsonOf(length int) string { return "{}" + strings.Repeat(" ", length-2) }

func TestADeliveryThatIsNotTakenSaysWhy(t *testing.T) {
	for _, c := range []struct {
		err    error
		kind   kind
		detail string
		header string
	}{
		{&DeliveryError{Reason: DeliveryRefused}, deliveryRefused, "keytrail webhooks", "WWW-Authenticate"},
		{&DeliveryError{Reason: DeliveryMalformed, Text: "choose JSON"}, badBody, "choose JSON", ""},
		{&DeliveryError{Reason: DeliveryBusy}, deliveriesBusy, "10 seconds", "Retry-After"},
		{io.ErrUnexpectedEOF, internal, "log", ""},
	} {
		for _, target := range []string{"/webhooks/acme", "/git/webhook/reindex/" + hookSecret} {
			f := newFixture(t)
			f.webhooks.err = c.err
			answer := f.post(target, "{}")
			answer.problem(c.kind, c.detail)
			if c.header != "" && answer.header.Get(c.header) == "" {
				t.Errorf("%v: the header lacks %s", c.err, c.header)
			}
		}
	}
}

func TestAProcessWithoutWebhooksAnswersLikeOneThatRefuses(t *testing.T) {
	refusing := newFixture(t)
	refusing.webhooks.err = &DeliveryError{Reason: DeliveryRefused}
	none := newFixture(t, func(o *Options) { o.Webhooks = nil })
	for _, target := range []string{"/webhooks/acme", "/webhooks/nobody", "/git/webhook/reindex/" + hookSecret} {
		a, b := refusing.post(target, "{}"), none.post(target, "{}")
		if a.status != b.status || !bytes.Equal(a.body, b.body) {
			t.Errorf("%s: %d %s and %d %s", target, a.status, a.body, b.status, b.body)
		}
	}
}

func TestADeliveryIsEightMebibytesAtMost(t *testing.T) {
	f := newFixture(t)
	if answer := f.post("/webhooks/acme", jsonOf(maxDeliveryBytes)); answer.status != http.StatusAccepted {
		t.Errorf("8 MiB: status %d", answer.status)
	}
	f.post("/webhooks/acme", jsonOf(maxDeliveryBytes+1)).problem(bodyTooLarge, "fewer details")
	if len(f.webhooks.delivered) != 1 {
		t.Errorf("delivered %q", f.webhooks.delivered)
	}
}

func TestLargeDeliveriesBeyondTheFirstFewAreToComeAgain(t *testing.T) {
	f := newFixture(t)
	large := jsonOf(smallDelivery + 1)
	f.webhooks.during = func() {
		f.webhooks.during = nil
		for range maxLargeDeliveries - 1 {
			f.server.large <- struct{}{}
		}
		f.post("/webhooks/acme", large).problem(deliveriesBusy, "deliver it again")
		if answer := f.post("/webhooks/acme", "{}"); answer.status != http.StatusAccepted {
			t.Errorf("a small one meanwhile: status %d", answer.status)
		}
	}
	if answer := f.post("/webhooks/acme", large); answer.status != http.StatusAccepted {
		t.Errorf("status %d", answer.status)
	}
	if len(f.server.large) != maxLargeDeliveries-1 {
		t.Errorf("%d large deliveries are held", len(f.server.large))
	}
}

func TestADeliveryThatIsCutOffIsNotTaken(t *testing.T) {
	f := newFixture(t)
	r := httptest.NewRequest("POST", "/webhooks/acme", iotest.TimeoutReader(strings.NewReader("{}")))
	w := httptest.NewRecorder()
	f.server.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest || len(f.webhooks.delivered) > 0 {
		t.Errorf("status %d, delivered %q", w.Code, f.webhooks.delivered)
	}
}

func TestTheSecretOfAWebhookIsNotLogged(t *testing.T) {
	f := newFixture(t)
	for _, err := range []error{nil, &DeliveryError{Reason: DeliveryRefused}, io.ErrUnexpectedEOF} {
		f.webhooks.err = err
		for _, target := range []string{
			"/webhooks/acme/" + hookSecret, "/webhooks/acme/" + hookSecret + "/more", "//webhooks/acme/" + hookSecret, "/git/webhook/reindex/" + hookSecret,
			"/rest/gitplugin/webhook/1.0/reindex/" + hookSecret, "/rest/gitplugin/webhook/2.0/reindex/" + hookSecret,
		} {
			for _, method := range []string{"POST", "GET", "DELETE", "HEAD"} {
				r := httptest.NewRequest(method, "http://127.0.0.1"+target, nil)
				f.server.Handler().ServeHTTP(httptest.NewRecorder(), r)
			}
		}
	}
	if strings.Contains(f.log.String(), hookSecret) {
		t.Errorf("the log holds the secret:\n%s", f.log)
	}
	if answer := f.do("HEAD", "/git/webhook/reindex/"+hookSecret, ""); answer.status != http.StatusMethodNotAllowed {
		t.Errorf("HEAD: status %d", answer.status)
	}
}
