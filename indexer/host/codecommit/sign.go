package codecommit

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hostapi"
)

// service is CodeCommit's name in signatures.
const service = "codecommit"

// keys are an access key of AWS.
type keys struct {
	id      string
	secret  host.Secret
	session host.Secret // nil: the key is a permanent one
}

// callerKeys reads the key of a caller: its id, its secret and maybe its session token, with colons between them. None of these
// holds a colon.
func callerKeys(c host.Caller) (keys, error) {
	id, rest, ok := strings.Cut(c.Token, ":")
	secret, session, _ := strings.Cut(rest, ":")
	if !ok || id == "" || secret == "" || strings.Contains(session, ":") {
		return keys{}, host.Problem(host.ErrAuth, "the caller's token is no access key of AWS: write it as ID:SECRET, or ID:SECRET:SESSION for a temporary one")
	}
	k := keys{id: id, secret: hostapi.Constant(secret)}
	if session != "" {
		k.session = hostapi.Constant(session)
	}
	return k, nil
}

// read gives the key as it is now.
func (k keys) read(ctx context.Context) (aws.Credentials, error) {
	held := aws.Credentials{AccessKeyID: k.id}
	for _, part := range []struct {
		from host.Secret
		to   *string
	}{{k.secret, &held.SecretAccessKey}, {k.session, &held.SessionToken}} {
		if part.from == nil {
			continue
		}
		var err error
		if *part.to, err = part.from(ctx); err != nil {
			return aws.Credentials{}, &host.Error{Kind: host.ErrAuth, Text: "the access key cannot be read", Err: err}
		}
	}
	return held, nil
}

// authorize signs requests to the API.
func authorize(k keys, region string) hostapi.Authorize {
	signer := v4.NewSigner()
	return func(ctx context.Context, request *http.Request) error {
		held, err := k.read(ctx)
		if err != nil {
			return err
		}
		body, err := request.GetBody()
		if err != nil {
			return err
		}
		defer body.Close()
		sum := sha256.New()
		if _, err := io.Copy(sum, body); err != nil {
			return err
		}
		return signer.SignHTTP(ctx, held, request, hex.EncodeToString(sum.Sum(nil)), service, region, time.Now())
	}
}

// gitPassword signs a clone URL for git: the time and the signature of a request with the method GIT, the URL's path, the one header
// host, and nothing where the body's hash would be. The signer of requests cannot do so, for it always adds the time as a header. The
// form is that of https://github.com/aws/git-remote-codecommit, the steps are those of
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
func gitPassword(secret, region string, clone *url.URL, now time.Time) string {
	const algorithm = "AWS4-HMAC-SHA256"
	at := now.UTC().Format("20060102T150405")
	day := at[:len("20060102")]
	canonical := strings.Join([]string{"GIT", clone.EscapedPath(), "", "host:" + clone.Host, "", "host", ""}, "\n")
	hash := sha256.Sum256([]byte(canonical))
	scope := []string{day, region, service, "aws4_request"}
	key := []byte("AWS4" + secret)
	for _, part := range scope {
		key = mac(key, part)
	}
	signed := strings.Join([]string{algorithm, at, strings.Join(scope, "/"), hex.EncodeToString(hash[:])}, "\n")
	return at + "Z" + hex.EncodeToString(mac(key, signed))
}

func mac(key []byte, text string) []byte {
	sum := hmac.New(sha256.New, key)
	sum.Write([]byte(text))
	return sum.Sum(nil)
}
