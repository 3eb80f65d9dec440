package codecommit

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hosttest"
)

// signer stands for SNS of the region: it signs, has its certificate, and takes confirmations.
type signer struct {
	key       *rsa.PrivateKey
	pem       []byte
	next      http.RoundTripper
	asked     atomic.Int64 // for the certificate
	confirmed atomic.Pointer[string]

	mu      sync.Mutex
	foreign []string // hosts beside SNS that were asked
}

func newSigner(t *testing.T) *signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s := &signer{key: key}
	s.issue(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	return s
}

// issue makes another certificate of the key.
func (s *signer) issue(t *testing.T, from, until time.Time) {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &s.key.PublicKey, s.key)
	if err != nil {
		t.Fatal(err)
	}
	s.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// sign writes the signature into a message of SNS, and the real names of AWS where recordings have an example's. Other deliveries stay.
func (s *signer) sign(d host.Delivery) host.Delivery {
	d.Body = []byte(strings.ReplaceAll(string(d.Body), ".amazonaws.example.com", ".amazonaws.com"))
	var fields map[string]any
	if json.Unmarshal(d.Body, &fields) != nil || fields["Signature"] == nil {
		return d
	}
	// The text is written here once more, in the order of the documentation, so that it does not follow the code under test.
	var text strings.Builder
	for _, name := range []string{"Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"} {
		value, isThere := fields[name].(string)
		if isNotice := fields["Type"] == "Notification"; isThere || !isNotice && name == "SubscribeURL" {
			if name == "Subject" && !isNotice {
				continue
			}
			fmt.Fprintf(&text, "%s\n%s\n", name, value)
		}
	}
	kind, sum := crypto.SHA256, sha256.New()
	if fields["SignatureVersion"] == "1" {
		kind, sum = crypto.SHA1, sha1.New()
	}
	io.WriteString(sum, text.String())
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.key, kind, sum.Sum(nil))
	if err != nil {
		panic(err)
	}
	fields["Signature"] = base64.StdEncoding.EncodeToString(signature)
	if d.Body, err = json.Marshal(fields); err != nil {
		panic(err)
	}
	return d
}

// before puts SNS before a transport.
func (s *signer) before(next http.RoundTripper) http.RoundTripper {
	s.next = next
	return s
}

// host gives one that reaches SNS and nothing else.
func (s *signer) host(t *testing.T) *Host {
	t.Helper()
	h, err := New(host.Config{
		Region: region, Username: keyID, Password: hosttest.Secret("s"), HookSecret: hosttest.Secret(hosttest.HookSecret), Transport: s,
	})
	if err != nil {
		t.Fatal(err)
	}
	return h.(*Host)
}

// others are the hosts beside SNS that were asked.
func (s *signer) others() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.foreign
}

func (s *signer) RoundTrip(r *http.Request) (*http.Response, error) {
	switch {
	case r.URL.Scheme != "https" || r.URL.Host != "sns.eu-west-1.amazonaws.com":
		if s.next != nil {
			return s.next.RoundTrip(r)
		}
		s.mu.Lock()
		s.foreign = append(s.foreign, r.URL.Host)
		s.mu.Unlock()
		return nil, io.ErrUnexpectedEOF
	case strings.HasSuffix(r.URL.Path, "dead.pem"):
		s.asked.Add(1)
		return answer(r, http.StatusOK, "binary/octet-stream", string(s.pem)), nil
	case r.URL.Path == "/":
		s.confirmed.Store(&r.URL.RawQuery)
		return answer(r, http.StatusOK, "text/xml", "<ConfirmSubscriptionResponse/>"), nil
	}
	return answer(r, http.StatusNotFound, "application/xml", "<Error/>"), nil
}

func answer(r *http.Request, status int, contentType, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}
}

// api answers an operation with its body.
type api func(operation, body string) (status int, answer string)

func (a api) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	status, text := a(strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "CodeCommit_20150413."), string(body))
	return answer(r, status, "application/x-amz-json-1.1", text), nil
}

// answering gives a host with an API of the test's own.
func answering(t *testing.T, a api) *Host {
	t.Helper()
	h, err := New(host.Config{
		Region: region, Username: keyID, Password: hosttest.Secret("s"), Transport: a,
		Limits: host.Limits{Backoff: time.Millisecond, Wait: time.Millisecond, Rate: 1000},
	})
	if err != nil {
		t.Fatal(err)
	}
	return h.(*Host)
}

// listOf is a list of n repositories.
func listOf(n int) string {
	all := make([]identity, n)
	for i := range all {
		all[i] = identity{ID: fmt.Sprint(i), Name: fmt.Sprint("r", i)}
	}
	text, err := json.Marshal(map[string]any{"repositories": all})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// bodyHash is the hash of a request's body, which can be read again.
func bodyHash(r *http.Request) string {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err.Error()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
