package main_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"keytrail/indexer/mirror/gittest"
)

// A server says back what it was sent when it refuses, and so does the proxy before it: the worst that they can do.
func TestServeGoesThroughAProxyWithATokenAndAHeaderAndShowsNoSecret(t *testing.T) {
	for _, engine := range []string{"native", "libgit2"} {
		t.Run(engine, func(t *testing.T) { goThroughAProxy(t, engine) })
	}
}

func goThroughAProxy(t *testing.T, engine string) {
	repo := gittest.Init(t)
	oid := repo.Commit("ABC-1 behind a proxy")
	const token, tenant, password = "hidden-token-4711", "hidden-tenant-4711", "hidden-proxy-4711"
	var refusing atomic.Int64
	url := gittest.Serve(t, repo, gittest.Options{Middleware: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sent := r.Header.Get("Authorization") + " " + r.Header.Get("X-Tenant")
			if sent != "Bearer "+token+" "+tenant || refusing.Load() == http.StatusUnauthorized {
				http.Error(w, "you sent "+sent, http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	}})
	wanted := "Basic " + base64.StdEncoding.EncodeToString([]byte("bot:"+password))
	forward := &httputil.ReverseProxy{Rewrite: func(*httputil.ProxyRequest) {}}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := r.Header.Get("Proxy-Authorization")
		if sent != wanted || refusing.Load() == http.StatusProxyAuthRequired {
			http.Error(w, "you sent "+sent+" with "+password, http.StatusProxyAuthRequired)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "keytrail.yaml"), fmt.Sprintf(`
data_dir: %s
log: {level: debug}
repositories:
  - name: shop
    url: "%s"
    fetch: {engine: %s}
    token: {env: GIT_TOKEN}
    headers: {X-Tenant: {file: %s}}
    proxy: {url: "%s", username: bot, password: {env: PROXY_PASSWORD}}
`, filepath.Join(dir, "data"), url, engine, write(t, filepath.Join(dir, "tenant"), tenant+"\n"), proxy.URL))
	d := serve(t, []string{"GIT_TOKEN=" + token, "PROXY_PASSWORD=" + password}, "--config", file)
	d.eventually("the repository answers", func() bool { return len(d.commits("ABC-1")) == 1 && d.commits("ABC-1")[0] == oid.String() })
	for _, status := range []int64{http.StatusUnauthorized, http.StatusProxyAuthRequired} {
		refusing.Store(status)
		d.request(http.MethodPost, "/api/v1/repositories/1/reindex", `{"full":false}`)
		d.eventually("the refusal is told", func() bool {
			_, answer := d.get("/api/v1/repositories/1")
			return strings.Contains(answer, fmt.Sprintf("HTTP status %d", status)) && strings.Contains(answer, "[redacted]")
		})
	}
	_, repositories := d.get("/api/v1/repositories")
	d.stop()
	for where, text := range map[string]string{"log": d.log.String(), "repositories": repositories, "files": everyFile(t, filepath.Join(dir, "data"))} {
		for _, secret := range []string{"4711", wanted} {
			if strings.Contains(text, secret) {
				t.Errorf("the %s hold a secret", where)
			}
		}
	}
}
