package host

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
)

// VerifyHMAC accepts a delivery whose header holds the prefix and the hexadecimal HMAC-SHA256 of the body's exact bytes
// (RFC 2104) under the secret. A missing or doubled header and an empty secret are refused.
func VerifyHMAC(ctx context.Context, secret Secret, d Delivery, header, prefix string) error {
	key, err := hookSecret(ctx, secret)
	if err != nil {
		return err
	}
	value, err := only(d.Header, header)
	if err != nil {
		return err
	}
	digits, ok := strings.CutPrefix(value, prefix)
	sent, err := hex.DecodeString(digits)
	if !ok || err != nil || len(sent) != sha256.Size {
		return Problem(ErrSignature, "the header %s is not %s and 64 hexadecimal digits", header, prefix)
	}
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(d.Body)
	if !hmac.Equal(sent, mac.Sum(nil)) {
		return Problem(ErrSignature, "the signature in %s is not that of the configured secret: set the same secret here and at the host", header)
	}
	return nil
}

// VerifyToken accepts a delivery whose header holds the secret itself.
func VerifyToken(ctx context.Context, secret Secret, d Delivery, header string) error {
	want, err := hookSecret(ctx, secret)
	if err != nil {
		return err
	}
	got, err := only(d.Header, header)
	if err != nil {
		return err
	}
	if !sameSecret(got, want) {
		return Problem(ErrSignature, "the header %s does not hold the configured secret: set the same here and at the host", header)
	}
	return nil
}

// VerifyBasic accepts a delivery with the secret as its password (RFC 7617), and the user name when one is configured.
func VerifyBasic(ctx context.Context, username string, secret Secret, d Delivery) error {
	want, err := hookSecret(ctx, secret)
	if err != nil {
		return err
	}
	if _, err := only(d.Header, "Authorization"); err != nil {
		return err
	}
	name, password, ok := (&http.Request{Header: d.Header}).BasicAuth()
	// Both are compared in any case, so that time does not tell which was wrong.
	samePassword, sameName := sameSecret(password, want), username == "" || sameSecret(name, username)
	if !ok || !samePassword || !sameName {
		return Problem(ErrSignature, "the user name and password are not the configured ones: set the same here and at the host")
	}
	return nil
}

// VerifyURL accepts a delivery whose URL holds the secret, for hosts that sign nothing and send nothing of their own.
func VerifyURL(ctx context.Context, secret Secret, d Delivery) error {
	want, err := hookSecret(ctx, secret)
	if err != nil {
		return err
	}
	if d.Secret == "" || !sameSecret(d.Secret, want) {
		return Problem(ErrSignature, "the URL does not hold the configured secret: copy the URL that `keytrail webhooks` prints")
	}
	return nil
}

// hookSecret reads a webhook's secret, which must not be empty: everybody could sign with that.
func hookSecret(ctx context.Context, secret Secret) (string, error) {
	if secret == nil {
		return "", Problem(ErrSignature, "no webhook secret is configured: set webhook.secret of the integration")
	}
	s, err := secret(ctx)
	if err != nil {
		return "", &Error{Kind: ErrSignature, Text: "the webhook secret cannot be read", Err: err}
	}
	if s == "" {
		return "", Problem(ErrSignature, "the webhook secret is empty: set webhook.secret of the integration")
	}
	return s, nil
}

// only gives the one value of a header. Of two, a proxy and this program could each believe another.
func only(h http.Header, name string) (string, error) {
	values := h.Values(name)
	switch {
	case len(values) == 0 || values[0] == "":
		return "", Problem(ErrSignature, "the header %s is missing: set the secret of the webhook at the host", name)
	case len(values) > 1:
		return "", Problem(ErrSignature, "the header %s is there %d times", name, len(values))
	}
	return values[0], nil
}

// sameSecret compares in a time that tells neither where two texts differ nor how long they are.
func sameSecret(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
