package wire

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// profiled makes a profile's transport, which is closed after the test.
func profiled(t *testing.T, p Profile) *http.Transport {
	t.Helper()
	transport, err := NewTransport(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// serveWithPrivateCA serves a repository over https and HTTP/2, and gives its URL and its authority's certificate.
func serveWithPrivateCA(t *testing.T, r *gittest.Repo) (at string, ca []byte) {
	t.Helper()
	authority, authorityKey := certificate(t, nil, nil)
	leaf, key := certificate(t, authority, authorityKey)
	server := httptest.NewUnstartedServer(gittest.Backend(t, filepath.Dir(r.Path)))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = discardLog()
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return server.URL + "/repo.git", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Raw})
}

// certificate is one for 127.0.0.1 by an authority, or without one an authority.
func certificate(t *testing.T, by *x509.Certificate, byKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true,
	}
	if by == nil {
		template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
		by, byKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, &key.PublicKey, byKey)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c, key
}

func TestAPrivateAuthorityIsTrustedWhereItIsConfigured(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	oid := repo.Commit("ABC-1")
	at, ca := serveWithPrivateCA(t, repo)
	transport := profiled(t, Profile{CA: ca})
	var two atomic.Int64
	c := dial(t, at, Options{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		response, err := transport.RoundTrip(r)
		if err == nil && response.ProtoMajor == 2 {
			two.Add(1)
		}
		return response, err
	})})
	list(t, c)
	fetch(t, c, FetchRequest{Wants: []storage.OID{oid}})
	if two.Load() != 3 {
		t.Errorf("%d of 3 answers came over HTTP/2", two.Load())
	}
	_, other := serveWithPrivateCA(t, repo)
	for _, p := range []Profile{{}, {CA: other}} {
		_, err := dial(t, at, Options{Transport: profiled(t, p)}).ListRefs(t.Context(), nil)
		wantError(t, err, ErrUnreachable, "signed by an unknown authority", "(ca)")
	}
	for _, junk := range []string{"nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		if _, err := NewTransport(Profile{CA: []byte(junk)}); err == nil || !strings.Contains(err.Error(), "no certificate") {
			t.Errorf("%q: %v", junk, err)
		}
	}
}

// secretive demands what a test sends and says it back when refused.
func secretive(header, want string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if have := r.Header.Get(header); have != want {
				http.Error(w, strings.Repeat("padding ", 35)+"you sent "+have, http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func TestTokensAndHeadersAreSentReadAnewAndNeverShown(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	repo.Commit("ABC-1")
	value, failure := "wr0ng-"+password, error(nil)
	for header, o := range map[string]Options{
		"Authorization": {Credentials: func(context.Context) (Credentials, error) { return Credentials{Bearer: value}, failure }},
		"Private-Token": {Headers: func(context.Context) (http.Header, error) { return http.Header{"private-token": {value}}, failure }},
	} {
		want := "t0ken-" + password
		if header == "Authorization" {
			want = "Bearer " + want
		}
		value, failure = "wr0ng-"+password, nil
		c := dial(t, gittest.Serve(t, repo, gittest.Options{Middleware: secretive(header, want)}), o)
		_, err := c.ListRefs(t.Context(), nil)
		wantError(t, err, ErrAuth, "renew them", "you sent ")
		if strings.Contains(err.Error(), "wr0ng") {
			t.Errorf("%q shows a secret cut short", err)
		}
		value = "t0ken-" + password
		list(t, c)
		value = password + "\nX-Evil: 1"
		_, err = c.ListRefs(t.Context(), nil)
		wantError(t, err, ErrAuth, "line break")
		failure = errors.New("open /run/secrets/git: no such file")
		_, err = c.ListRefs(t.Context(), nil)
		wantError(t, err, ErrAuth, "credentials cannot be read", "/run/secrets/git")
	}
}

func TestTokensAndHeadersStayWithTheirOrigin(t *testing.T) {
	t.Parallel()
	repo := gittest.Init(t)
	repo.Commit("ABC-1")
	var leaked atomic.Int64
	target := gittest.Serve(t, repo, gittest.Options{Middleware: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" || r.Header.Get("X-Key") != "" {
				leaked.Add(1)
			}
			next.ServeHTTP(w, r)
		})
	}})
	at, _ := redirecting(t, http.StatusFound, func(r *http.Request) string { return target + "/info/refs?" + r.URL.RawQuery })
	bearer, key := "", ""
	c := dial(t, at+"/r.git", Options{
		Credentials: func(context.Context) (Credentials, error) { return Credentials{Bearer: bearer}, nil },
		Headers: func(context.Context) (http.Header, error) {
			if key == "" {
				return nil, nil
			}
			return http.Header{"X-Key": {key}}, nil
		},
	})
	list(t, c) // without credentials the redirect is followed, and remembered
	bearer, key = password, password
	list(t, c)
	for _, o := range []Options{
		{Credentials: func(context.Context) (Credentials, error) { return Credentials{Bearer: password}, nil }},
		{Headers: func(context.Context) (http.Header, error) { return http.Header{"X-Key": {password}}, nil }},
	} {
		_, err := dial(t, at+"/r.git", o).ListRefs(t.Context(), nil)
		wantError(t, err, ErrRedirect, "not followed with credentials")
	}
	if leaked.Load() != 0 {
		t.Errorf("%d requests took a secret to another origin", leaked.Load())
	}
}
