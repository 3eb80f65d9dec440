package wire

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"keytrail/indexer/mirror/gittest"
)

// TestASecretThatAServerEchoesIsNotShownInPartEither has a server say a password back at every place of a long error, so that
// shortening it cuts the password anywhere.
func TestASecretThatAServerEchoesIsNotShownInPartEither(t *testing.T) {
	t.Parallel()
	const secret = `correct "horse"  bättery`
	echo := ""
	url := gittest.Serve(t, gittest.Init(t), gittest.Options{Middleware: answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", advertisementType)
		w.Write(packets(echo))
	}, nil)})
	c := dial(t, strings.Replace(url, "://", "://bot:correct%20%22horse%22%20%20b%C3%A4ttery@", 1), Options{})
	for before := 20; before < 320; before += 3 {
		for _, kind := range []string{"ERR ", oidA + " "} {
			echo = kind + strings.Repeat("x", before) + secret
			_, err := c.ListRefs(t.Context(), nil)
			if err == nil || strings.Contains(err.Error(), "correct") {
				t.Fatalf("%d bytes before: %v", before, err)
			}
		}
	}
}

// TestASecretThatComesBackInAnotherFormIsNotShown has servers say credentials back where libraries, not we, make the error of it.
func TestASecretThatComesBackInAnotherFormIsNotShown(t *testing.T) {
	t.Parallel()
	const secret = `Sesame/"open" é`
	for name, s := range map[string]string{
		"transfer encoding":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: Sesame/open\r\n\r\n",
		"content length":     "HTTP/1.1 200 OK\r\nContent-Length: Sesame/open\r\n\r\n",
		"status line":        "HTTP/1.1 " + secret + "\r\n\r\n",
		"no http at all":     secret + "\r\n\r\n",
		"content type":       "HTTP/1.1 200 OK\r\nContent-Type: x/" + strings.Repeat("x", 290) + "Sesame/open\r\n\r\n",
		"redirect to a path": "HTTP/1.1 302 Found\r\nLocation: http://git.example.com/Sesame%2F%22open%22%20%C3%A9\r\n\r\n",
		"redirect to a host": "HTTP/1.1 302 Found\r\nLocation: http://sesame.example.com/x\r\n\r\n",
	} {
		for _, password := range []string{secret, "Sesame/open", "Sesame"} {
			c := dial(t, "http://"+rawServer(t, s)+"/r.git", Options{Credentials: func(context.Context) (Credentials, error) {
				return Credentials{Username: "bot", Password: password}, nil
			}})
			_, err := c.ListRefs(t.Context(), nil)
			if err == nil || strings.Contains(strings.ToLower(err.Error()), strings.ToLower(password)) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
