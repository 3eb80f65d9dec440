package codecommit

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// topics is Amazon SNS in a region: it signs what it sends, and answers a subscription's confirmation.
type topics struct {
	api     *hostapi.Client
	address string // its host, which is the only one that certificates are fetched from

	mu           sync.Mutex
	certificates map[string]*x509.Certificate // by path
}

// maxCertificates is how many certificates are kept. SNS uses one for about a year.
const maxCertificates = 8

func newTopics(c host.Config) (*topics, error) {
	t := &topics{address: address("sns", c.Region), certificates: map[string]*x509.Certificate{}}
	o := hostapi.For(c, "https://"+t.address, nil)
	o.Header, o.Headers = http.Header{"Accept": {"*/*"}}, nil
	// SNS waits for an answer for 15 seconds.
	o.Limits.Exchange, o.Limits.Total, o.Limits.Body = 5*time.Second, 10*time.Second, 64<<10
	var err error
	t.api, err = hostapi.New(o)
	return t, err
}

// message is a delivery of SNS (https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html).
type message struct {
	Type             string
	MessageID        string `json:"MessageId"`
	TopicARN         string `json:"TopicArn"`
	Subject          *string
	Message          string
	Timestamp        string
	Token            string // of a subscription
	SubscribeURL     string
	SignatureVersion string
	Signature        string
	SigningCertURL   string
}

const (
	typeNotification = "Notification"
	typeSubscription = "SubscriptionConfirmation"
)

func readMessage(body []byte) (message, error) {
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		return message{}, host.Problem(host.ErrAnswer, "the webhook's body is not the JSON of SNS or EventBridge: leave raw message delivery of the subscription off")
	}
	return m, nil
}

// signed is the text that SNS signs: names and values in the order of the names
// (https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html).
func (m message) signed() []byte {
	var b bytes.Buffer
	put := func(name, value string) { b.WriteString(name + "\n" + value + "\n") }
	put("Message", m.Message)
	put("MessageId", m.MessageID)
	if m.Type == typeNotification && m.Subject != nil {
		put("Subject", *m.Subject)
	}
	if m.Type != typeNotification {
		put("SubscribeURL", m.SubscribeURL)
	}
	put("Timestamp", m.Timestamp)
	if m.Type != typeNotification {
		put("Token", m.Token)
	}
	put("TopicArn", m.TopicARN)
	put("Type", m.Type)
	return b.Bytes()
}

// verify accepts what SNS of the region has signed. It does not tell for whom: anybody can have a topic there.
func (t *topics) verify(ctx context.Context, m message) error {
	signature, err := base64.StdEncoding.DecodeString(m.Signature)
	if err != nil || len(signature) == 0 {
		return host.Problem(host.ErrSignature, "the message of SNS has no signature")
	}
	certificate, err := t.certificate(ctx, m.SigningCertURL)
	if err != nil {
		return err
	}
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		return host.Problem(host.ErrSignature, "the certificate of SNS does not hold an RSA key")
	}
	switch m.SignatureVersion {
	case "1":
		sum := sha1.Sum(m.signed())
		err = rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], signature)
	case "2":
		sum := sha256.Sum256(m.signed())
		err = rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature)
	default:
		return host.Problem(host.ErrSignature, "the message of SNS has a signature of version %.8q, and only 1 and 2 are known", m.SignatureVersion)
	}
	if err != nil {
		return host.Problem(host.ErrSignature, "the signature is not that of SNS over this message")
	}
	return nil
}

// certificate gives the certificate at a URL that a message names. Of the URL only the file's name is taken: the rest must be what
// SNS of the region has, or a message could have any server asked, and bring its own certificate.
func (t *topics) certificate(ctx context.Context, raw string) (*x509.Certificate, error) {
	u, err := url.Parse(raw)
	if err != nil || !t.isOwn(u) {
		return nil, host.Problem(host.ErrSignature, "the message names a certificate that is not one of https://%s: the topic must be in the region of the integration",
			t.address)
	}
	t.mu.Lock()
	known := t.certificates[u.Path]
	t.mu.Unlock()
	if known == nil {
		if known, err = t.fetch(ctx, u.Path); err != nil {
			return nil, err
		}
	}
	if now := time.Now(); now.Before(known.NotBefore) || now.After(known.NotAfter) {
		return nil, host.Problem(host.ErrSignature, "the certificate of SNS is not valid at this time: check the clock of this machine")
	}
	return known, nil
}

// isOwn tells a certificate's URL.
func (t *topics) isOwn(u *url.URL) bool {
	name, hasPrefix := strings.CutPrefix(u.EscapedPath(), "/SimpleNotificationService-")
	name, hasSuffix := strings.CutSuffix(name, ".pem")
	return u.Scheme == "https" && u.Host == t.address && u.User == nil && u.RawQuery == "" && u.Fragment == "" &&
		hasPrefix && hasSuffix && name != "" && strings.Trim(name, "0123456789abcdef") == ""
}

// fetch gets a certificate and keeps it.
func (t *topics) fetch(ctx context.Context, path string) (*x509.Certificate, error) {
	answer, err := t.api.Get(ctx, path)
	if err != nil {
		return nil, &host.Error{Kind: host.ErrSignature, Text: "the certificate of SNS cannot be had", Err: err}
	}
	block, _ := pem.Decode(answer.Body)
	if block == nil {
		return nil, host.Problem(host.ErrSignature, "https://%s answers with no certificate: look at the proxy before it", t.address)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, &host.Error{Kind: host.ErrSignature, Text: "the certificate of SNS cannot be read", Err: err}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.certificates) >= maxCertificates {
		clear(t.certificates)
	}
	t.certificates[path] = certificate
	return certificate, nil
}

// confirm tells SNS that a subscription is wanted. The URL that the message has for it is not used.
func (t *topics) confirm(ctx context.Context, m message) error {
	query := url.Values{"Action": {"ConfirmSubscription"}, "TopicArn": {m.TopicARN}, "Token": {m.Token}}
	_, err := t.api.Get(ctx, "/?"+query.Encode())
	return err
}
