package wire

import (
	"net/http"
	"strings"
	"testing"

	"keytrail/indexer/mirror/gittest"
)

// TestASecretThatAServerEchoesIsNotShownInPartEither has a server say a password back at every place of a long error, so that
// shortening it cuts the password anywhere.
func TestASecretThatAServerEchoesIsNotShownInPartEither(t *testing.T) {
	t.Parallel()
	const secret = `correct "horse" battery`
	echo := ""
	url := gittest.Serve(t, gittest.Init(t), gittest.Options{Middleware: answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", advertisementType)
		w.Write(packets(echo))
	}, nil)})
	c := dial(t, strings.Replace(url, "://", "://bot:correct%20%22horse%22%20battery@", 1), Options{})
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
