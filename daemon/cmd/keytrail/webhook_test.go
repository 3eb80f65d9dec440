package main_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keytrail/indexer/mirror/gittest"
)

const hookSecret = "canary-hook-secret-0815"

// deliver sends a webhook as GitHub does, and gives the status.
func (d *daemon) deliver(event, id string, body map[string]any) int {
	d.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		d.t.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte(hookSecret))
	mac.Write(text)
	r, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.url+"/webhooks/acme", strings.NewReader(string(text)))
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("X-GitHub-Event", event)
	r.Header.Set("X-GitHub-Delivery", id)
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// TestAPushIsAnsweredByKeyOnceItsWebhookIsDelivered has a daemon that looks at nothing by itself after its start.
func TestAPushIsAnsweredByKeyOnceItsWebhookIsDelivered(t *testing.T) {
	t.Parallel()
	a := newAccount(t, accountToken)
	shop, cart, late := gittest.Init(t), gittest.Init(t), gittest.Init(t)
	shop.Commit("ABC-1 in the shop")
	cart.Commit("ABC-1 in the cart")
	late.Commit("ABC-3 in what comes later")
	a.add(1, "acme/shop", shop)
	a.add(2, "acme/cart", cart)
	dir := t.TempDir()
	tokens := write(t, filepath.Join(dir, "token"), "api-token\n")
	config := write(t, filepath.Join(dir, "keytrail.yaml"), fmt.Sprintf(`
data_dir: %s
log: {level: debug}
auth: {tokens: [{name: jira, token: {file: %s}}]}
discovery: {interval: 24h}
poll: {interval: 24h}
integrations:
  - {name: acme, type: github, url: "%s", token: {env: ACCOUNT_TOKEN}, webhook: {secret: {env: HOOK_SECRET}}}
`, filepath.Join(dir, "data"), tokens, a.url))
	d := serve(t, []string{"ACCOUNT_TOKEN=" + accountToken, "HOOK_SECRET=" + hookSecret}, "--config", config)
	d.token = "api-token"
	d.eventually("both repositories answer", func() bool { return len(d.commits("ABC-1")) == 2 })

	pushed := shop.Commit("ABC-2 pushed")
	began := time.Now()
	if status := d.deliver("push", "1", map[string]any{"ref": "refs/heads/main", "repository": a.object(1, "acme/shop")}); status != http.StatusAccepted {
		t.Errorf("push: status %d", status)
	}
	d.eventually("the pushed commit answers", func() bool { return slices.Equal(d.commits("ABC-2"), []string{pushed.String()}) })
	t.Logf("from the push's delivery to its answer: %v", time.Since(began))

	a.add(3, "acme/late", late)
	a.remove(2)
	if status := d.deliver("repository", "2", map[string]any{"action": "created", "repository": a.object(3, "acme/late")}); status != http.StatusAccepted {
		t.Errorf("repository: status %d", status)
	}
	d.eventually("the new repository answers", func() bool { return len(d.commits("ABC-3")) == 1 })
	d.eventually("the removed one is retired", func() bool { return slices.Equal(d.repositories("?state=retired"), []string{"acme/cart"}) })

	swept := shop.Commit("ABC-4 told of by a call that names nothing")
	if code, answer := d.get("/rest/gitplugin/webhook/1.0/reindex/" + hookSecret); code != http.StatusOK || !strings.Contains(answer, `"success":true`) {
		t.Errorf("a call that names nothing: %d %s", code, answer)
	}
	d.eventually("its commit answers", func() bool { return slices.Equal(d.commits("ABC-4"), []string{swept.String()}) })

	if code, _ := d.request(http.MethodPost, "/webhooks/acme/"+hookSecret, `{"repository": {"id": 1}}`); code != http.StatusUnauthorized {
		t.Errorf("a delivery without a signature: status %d", code)
	}
	_, metrics := d.get("/metrics")
	for _, want := range []string{
		`keytrail_webhooks_total{integration="acme",outcome="accepted"} 3`, `keytrail_webhooks_total{integration="acme",outcome="refused"} 1`,
		"keytrail_push_visible_seconds_count",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	d.stop()
	for where, text := range map[string]string{"log": d.log.String(), "metrics": metrics, "files": everyFile(t, filepath.Join(dir, "data"))} {
		if strings.Contains(text, hookSecret) || strings.Contains(text, accountToken) {
			t.Errorf("the %s hold a secret", where)
		}
	}
}
