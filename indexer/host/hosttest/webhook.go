package hosttest

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"keytrail/indexer/host"
)

// Delivery gives a recorded webhook of a folder, as it was sent.
func Delivery(t testing.TB, dir, id string) host.Delivery {
	t.Helper()
	for _, d := range load(t, dir).Webhooks {
		if d.ID == id {
			return host.Delivery{Header: d.header(), Body: file(t, dir, d.BodyFile)}
		}
	}
	t.Fatalf("%s: no webhook %s", dir, id)
	return host.Delivery{}
}

// delivered makes the delivery of a recorded webhook.
func (c Case) delivered(t *testing.T, d delivery) host.Delivery {
	t.Helper()
	made := host.Delivery{Header: d.header(), Body: file(t, c.Dir, d.BodyFile)}
	if c.HookHeader == "" {
		made.Secret = HookSecret
	}
	if c.Sign != nil {
		made = c.Sign(made)
	}
	return made
}

// forgeries are deliveries that the host did not send, made from one that it did.
func (c Case) forgeries(genuine host.Delivery) map[string]host.Delivery {
	with := func(change func(*host.Delivery)) host.Delivery {
		d := host.Delivery{Header: genuine.Header.Clone(), Body: append([]byte{}, genuine.Body...), Secret: genuine.Secret}
		change(&d)
		return d
	}
	if c.HookHeader == "" {
		return map[string]host.Delivery{
			"no secret":      with(func(d *host.Delivery) { d.Secret = "" }),
			"another secret": with(func(d *host.Delivery) { d.Secret = HookSecret[1:] }),
		}
	}
	name := http.CanonicalHeaderKey(c.HookHeader)
	all := map[string]host.Delivery{
		"no header":       with(func(d *host.Delivery) { d.Header.Del(name) }),
		"an empty header": with(func(d *host.Delivery) { d.Header.Set(name, "") }),
		"two headers":     with(func(d *host.Delivery) { d.Header.Add(name, d.Header.Get(name)) }),
		"a shorter one":   with(func(d *host.Delivery) { d.Header.Set(name, d.Header.Get(name)[:8]) }),
		"a longer one":    with(func(d *host.Delivery) { d.Header.Set(name, d.Header.Get(name)+"00") }),
	}
	if c.IsSigned {
		all["another body"] = with(func(d *host.Delivery) { d.Body[len(d.Body)/2] ^= 1 })
		all["a longer body"] = with(func(d *host.Delivery) { d.Body = append(d.Body, '\n') })
	}
	return all
}

func webhook(t *testing.T, c Case) {
	if len(c.Events) == 0 {
		t.Skip("the case has no events")
	}
	runAll(t, c, []clause{
		{"takes and reads every recorded delivery", readsDeliveries},
		{"refuses what the host did not send", refusesForgeries},
		{"refuses everything while no secret, an empty or another one is configured", refusesWithoutSecret},
		{"survives bodies of every shape", survivesBodies},
		{"tells how it is set up", guides},
	})
}

func readsDeliveries(t *testing.T, c Case) {
	r := load(t, c.Dir)
	_, h := c.start(t)
	hooks := power[host.Webhooks](t, h)
	for _, recorded := range r.Webhooks {
		d := c.delivered(t, recorded)
		if err := hooks.Verify(t.Context(), d); err != nil {
			t.Errorf("%s: %v", recorded.ID, err)
		}
		got, err := hooks.Event(d)
		want, known := c.Events[recorded.ID]
		if err != nil || !known {
			t.Errorf("%s: %v; expected by the case: %v", recorded.ID, err, known)
			continue
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(host.Event{}, "Delivery"), cmpopts.IgnoreFields(host.Subject{}, "URLs"),
			cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s:\n%s", recorded.ID, diff)
		}
	}
}

func refusesForgeries(t *testing.T, c Case) {
	r := load(t, c.Dir)
	_, h := c.start(t)
	hooks := power[host.Webhooks](t, h)
	for name, d := range c.forgeries(c.delivered(t, r.Webhooks[0])) {
		if err := hooks.Verify(t.Context(), d); err == nil {
			t.Errorf("%s is taken", name)
		} else {
			c.mustBe(t, err, host.ErrSignature)
		}
	}
}

func refusesWithoutSecret(t *testing.T, c Case) {
	r := load(t, c.Dir)
	for _, secret := range []host.Secret{nil, Secret(""), Secret("another-secret")} {
		_, h := c.start(t, func(c *host.Config) { c.HookSecret = secret })
		d := c.delivered(t, r.Webhooks[0])
		c.mustBe(t, power[host.Webhooks](t, h).Verify(t.Context(), d), host.ErrSignature)
	}
}

func survivesBodies(t *testing.T, c Case) {
	r := load(t, c.Dir)
	_, h := c.start(t)
	hooks := power[host.Webhooks](t, h)
	for _, recorded := range r.Webhooks {
		d := c.delivered(t, recorded)
		for _, body := range []string{``, `{`, `<html>`} {
			d.Body = []byte(body)
			if _, err := hooks.Event(d); err == nil {
				t.Errorf("%s: %q is read", recorded.ID, body)
			} else {
				c.mustBe(t, err, host.ErrAnswer)
			}
		}
		for _, body := range []string{`{}`, `[]`, `null`, `1`, `"x"`, `{"repository": null}`, `{"repository": 1}`} {
			d.Body = []byte(body)
			if _, err := hooks.Event(d); err != nil {
				c.mustBe(t, err, host.ErrAnswer)
			}
		}
	}
}

func guides(t *testing.T, c Case) {
	_, h := c.start(t)
	if g := power[host.Webhooks](t, h).Guide(); g.Where == "" || len(g.Events) == 0 || g.Secret == "" {
		t.Errorf("the guide has gaps: %+v", g)
	}
}
