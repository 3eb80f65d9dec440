package host

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func known(text string) Secret {
	return func(context.Context) (string, error) { return text, nil }
}

// signed gives the signature of a body.
func signed(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	io.WriteString(mac, body)
	return hex.EncodeToString(mac.Sum(nil))
}

func basic(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }

func TestADeliveryIsTakenByItsProofAlone(t *testing.T) {
	ctx := t.Context()
	const body = `{"ref": "refs/heads/main"}`
	good := signed("secret", body)
	ways := map[string]func(Secret, Delivery) error{
		"hmac":  func(s Secret, d Delivery) error { return VerifyHMAC(ctx, s, d, "X-Signature", "sha256=") },
		"token": func(s Secret, d Delivery) error { return VerifyToken(ctx, s, d, "X-Token") },
		"basic": func(s Secret, d Delivery) error { return VerifyBasic(ctx, "bot", s, d) },
		"url":   func(s Secret, d Delivery) error { return VerifyURL(ctx, s, d) },
	}
	for _, c := range []struct {
		way, header string
		values      []string
		url         string
		isGood      bool
	}{
		{"hmac", "X-Signature", []string{"sha256=" + good}, "", true},
		{"hmac", "X-Signature", []string{"sha256=" + strings.ToUpper(good)}, "", true},
		{"hmac", "X-Signature", []string{good}, "", false},
		{"hmac", "X-Signature", []string{"sha1=" + good}, "", false},
		{"hmac", "X-Signature", []string{"sha256=" + good[:62]}, "", false},
		{"hmac", "X-Signature", []string{"sha256=" + good + "00"}, "", false},
		{"hmac", "X-Signature", []string{"sha256=" + signed("", body)}, "", false},
		{"hmac", "X-Signature", []string{"sha256=" + good, "sha256=" + good}, "", false},
		{"hmac", "X-Signature", []string{""}, "", false},
		{"hmac", "X-Signature", nil, "", false},
		{"token", "X-Token", []string{"secret"}, "", true},
		{"token", "X-Token", []string{"secret "}, "", false},
		{"token", "X-Token", []string{"secret", "secret"}, "", false},
		{"token", "X-Token", nil, "", false},
		{"basic", "Authorization", []string{basic("bot:secret")}, "", true},
		{"basic", "Authorization", []string{basic("eve:secret")}, "", false},
		{"basic", "Authorization", []string{basic("bot:wrong")}, "", false},
		{"basic", "Authorization", []string{"Bearer secret"}, "", false},
		{"basic", "Authorization", nil, "", false},
		{"url", "", nil, "secret", true},
		{"url", "", nil, "secre", false},
		{"url", "", nil, "", false},
	} {
		d := Delivery{Header: http.Header{}, Body: []byte(body), Secret: c.url}
		if c.values != nil {
			d.Header[c.header] = c.values
		}
		err := ways[c.way](known("secret"), d)
		if (err == nil) != c.isGood || err != nil && !errors.Is(err, ErrSignature) {
			t.Errorf("%s by %q %q: got %v", c.way, c.values, c.url, err)
		}
		for name, secret := range map[string]Secret{
			"none": nil, "empty": known(""), "unreadable": func(context.Context) (string, error) { return "", errors.New("not set") },
		} {
			if err := ways[c.way](secret, d); !errors.Is(err, ErrSignature) {
				t.Errorf("%s with a secret that is %s: got %v", c.way, name, err)
			}
		}
	}
}

func TestAnyUserNameIsTakenWhenNoneIsConfigured(t *testing.T) {
	d := Delivery{Header: http.Header{"Authorization": {basic("anybody:secret")}}}
	if err := VerifyBasic(t.Context(), "", known("secret"), d); err != nil {
		t.Error(err)
	}
}

func TestTokensPrintInNoForm(t *testing.T) {
	for _, v := range []any{Caller{Token: "canary"}, Credentials{Username: "canary", Password: "canary", Bearer: "canary"}} {
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{fmt.Sprint(v), fmt.Sprintf("%v %+v %#v %s %q %x", v, v, v, v, v, v), string(encoded)} {
			if strings.Contains(text, "canary") || strings.Contains(text, hex.EncodeToString([]byte("canary"))) {
				t.Errorf("%T prints as %s", v, text)
			}
		}
	}
	if !(Caller{Token: "x"}).HasToken() || (Caller{}).HasToken() {
		t.Error("a caller with a token is told from none wrongly")
	}
}

func TestAnErrorSaysWhatHappenedAndIsFoundByItsKind(t *testing.T) {
	cause := errors.New("connection reset")
	e := &Error{Kind: ErrServer, Op: "GET https://git.example.com/repos", Text: "it failed", Said: "down", Err: cause}
	if want := `GET https://git.example.com/repos: it failed: the host says "down": connection reset`; e.Error() != want {
		t.Errorf("got %s", e)
	}
	if !errors.Is(e, ErrServer) || !errors.Is(e, cause) || errors.Is(e, ErrAuth) {
		t.Error("it is not found by its kind and cause")
	}
	if got := (&Error{Kind: ErrGone}).Error(); got != "not there" {
		t.Errorf("an error without a text says %q", got)
	}
}
