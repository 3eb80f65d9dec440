package codecommit

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keytrail/indexer/host"
	"keytrail/indexer/host/hosttest"
)

// notification is the recorded one of SNS, changed and then signed.
func notification(t *testing.T, s *signer, change func(m map[string]any)) host.Delivery {
	t.Helper()
	return s.sign(host.Delivery{Header: http.Header{}, Body: recorded(t, "webhook-sns-notification", change), Secret: hosttest.HookSecret})
}

// recorded is a body, changed.
func recorded(t *testing.T, name string, change func(m map[string]any)) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/codecommit/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	if text, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSNSIsKnownByItsSignature(t *testing.T) {
	s := newSigner(t)
	h := s.host(t)
	for name, change := range map[string]func(m map[string]any){
		"version 2":     func(map[string]any) {},
		"version 1":     func(m map[string]any) { m["SignatureVersion"] = "1" },
		"no subject":    func(m map[string]any) { delete(m, "Subject") },
		"an odd text":   func(m map[string]any) { m["Message"] = "<ä>\n\u2028\"\\" },
		"unsubscribing": func(m map[string]any) { m["Type"], m["Token"] = "UnsubscribeConfirmation", "t" },
	} {
		if err := h.Verify(t.Context(), notification(t, s, change)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := s.asked.Load(); n != 1 {
		t.Errorf("the certificate was asked for %d times", n)
	}
}

func TestForgedMessagesOfSNSAreRefused(t *testing.T) {
	s := newSigner(t)
	signed := func(change func(m map[string]any)) host.Delivery { return notification(t, s, change) }
	same := func(map[string]any) {}
	// after changes a message that is signed already.
	after := func(change func(m map[string]any)) host.Delivery {
		d := signed(same)
		var m map[string]any
		if err := json.Unmarshal(d.Body, &m); err != nil {
			t.Fatal(err)
		}
		change(m)
		d.Body, _ = json.Marshal(m)
		return d
	}
	from := func(url string) host.Delivery {
		return signed(func(m map[string]any) { m["SigningCertURL"] = url })
	}
	const certificate = "/SimpleNotificationService-0000000000000000000000000000dead.pem"
	for name, d := range map[string]host.Delivery{
		"another message":    after(func(m map[string]any) { m["Message"] = "{}" }),
		"another topic":      after(func(m map[string]any) { m["TopicArn"] = "arn:aws:sns:eu-west-1:444455556666:other" }),
		"another type":       after(func(m map[string]any) { m["Type"] = "SubscriptionConfirmation" }),
		"a dropped subject":  after(func(m map[string]any) { delete(m, "Subject") }),
		"no signature":       after(func(m map[string]any) { delete(m, "Signature") }),
		"no base64":          after(func(m map[string]any) { m["Signature"] = "?" }),
		"another version":    after(func(m map[string]any) { m["SignatureVersion"] = "1" }),
		"an unknown version": after(func(m map[string]any) { m["SignatureVersion"] = "3" }),
		"no certificate":     from(""),
		"http":               from("http://sns.eu-west-1.amazonaws.com" + certificate),
		"another region":     from("https://sns.us-east-1.amazonaws.com" + certificate),
		"another host":       from("https://sns.eu-west-1.amazonaws.com.example.com" + certificate),
		"another service":    from("https://s3.eu-west-1.amazonaws.com" + certificate),
		"a port":             from("https://sns.eu-west-1.amazonaws.com:8443" + certificate),
		"a user":             from("https://sns.eu-west-1.amazonaws.com@example.com" + certificate),
		"a query":            from("https://sns.eu-west-1.amazonaws.com" + certificate + "?a=b"),
		"another file":       from("https://sns.eu-west-1.amazonaws.com/other.pem"),
		"a way out":          from("https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-/../dead.pem"),
		"a certificate lost": from("https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-404.pem"),
		"no JSON":            {Header: http.Header{}, Body: []byte("Hello"), Secret: hosttest.HookSecret},
		"nothing in the URL": {Header: http.Header{}, Body: signed(same).Body},
		"an empty header":    {Header: http.Header{"X-Api-Key": {""}}, Body: signed(same).Body, Secret: hosttest.HookSecret},
		"another header":     {Header: http.Header{"X-Api-Key": {"other"}}, Body: signed(same).Body, Secret: hosttest.HookSecret},
		"two headers":        {Header: http.Header{"X-Api-Key": {hosttest.HookSecret, hosttest.HookSecret}}, Body: signed(same).Body},
	} {
		h := s.host(t)
		if err := h.Verify(t.Context(), d); !errors.Is(err, host.ErrSignature) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if hosts := s.others(); len(hosts) != 0 {
		t.Errorf("other servers were asked: %v", hosts)
	}
}

func TestACertificateOutOfItsTimeIsRefused(t *testing.T) {
	s := newSigner(t)
	d := notification(t, s, func(map[string]any) {})
	for name, period := range map[string][2]time.Duration{"expired": {-2 * time.Hour, -time.Hour}, "early": {time.Hour, 2 * time.Hour}} {
		s.issue(t, time.Now().Add(period[0]), time.Now().Add(period[1]))
		if err := s.host(t).Verify(t.Context(), d); !errors.Is(err, host.ErrSignature) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestASubscriptionIsConfirmedAtSNSWhateverURLTheMessageHas(t *testing.T) {
	s := newSigner(t)
	h := s.host(t)
	var confirmer host.Confirmer = h
	d := host.Delivery{Body: recorded(t, "webhook-sns-subscription-confirmation", func(m map[string]any) {
		m["SubscribeURL"], m["Token"] = "https://internal.example.com/", "a&b=c"
	})}
	if err := confirmer.Confirm(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	want := "Action=ConfirmSubscription&Token=a%26b%3Dc&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A111122223333%3Aissue-indexer"
	if got := s.confirmed.Load(); got == nil || *got != want || len(s.others()) != 0 {
		t.Errorf("got %v, others %v; want %s", got, s.others(), want)
	}
	for _, body := range []string{"", "{}", `{"Type": "Notification", "Token": "t"}`, `{"Type": "SubscriptionConfirmation"}`} {
		if err := confirmer.Confirm(t.Context(), host.Delivery{Body: []byte(body)}); !errors.Is(err, host.ErrAnswer) {
			t.Errorf("%q: got %v", body, err)
		}
	}
}

func TestEventsOfOtherKindsAreUnderstood(t *testing.T) {
	h := newSigner(t).host(t)
	shop := []host.Subject{{ID: "1", Name: "shop", URLs: []string{
		"https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/shop", "ssh://git-codecommit.eu-west-1.amazonaws.com/v1/repos/shop", console + "shop",
	}}}
	unknown := []host.Subject{{Name: "shop", URLs: shop[0].URLs}}
	call := func(name, parameters, response string) string {
		return `{"region": "eu-west-1", "detail-type": "AWS API Call via CloudTrail", "detail": {"eventSource": "codecommit.amazonaws.com", "eventName": "` +
			name + `", "requestParameters": ` + parameters + `, "responseElements": ` + response + `}}`
	}
	trigger := func(region, service string) string {
		return `{"Records": [{"eventSourceARN": "arn:aws:` + service + `:` + region + `:111122223333:shop", "codecommit": {"references": [{"ref": "refs/tags/v1"}]}}]}`
	}
	bySNS := func(message string) string {
		text, err := json.Marshal(map[string]string{"Type": "Notification", "MessageId": "m", "Message": message})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	pulled := `{"id": "e", "detail": {"event": "pullRequestStatusChanged", "pullRequestId": "7", "repositoryNames": ["shop"]}}`
	for _, c := range []struct {
		body string
		want host.Event
	}{
		{call("CreateRepository", `{"repositoryName": "shop"}`, `{"repositoryMetadata": {"repositoryId": "1"}}`), host.Event{Kind: host.EventCreated, Subjects: shop}},
		{call("DeleteRepository", `{"repositoryName": "shop"}`, `{"repositoryId": "1"}`), host.Event{Kind: host.EventDeleted, Subjects: shop}},
		{call("UpdateRepositoryName", `{"oldName": "store", "newName": "shop"}`, `null`), host.Event{Kind: host.EventRenamed, Subjects: unknown}},
		{call("GetBranch", `{"repositoryName": "shop"}`, `null`), host.Event{Kind: host.EventOther}},
		{trigger(region, "codecommit"), host.Event{Kind: host.EventPush, Subjects: unknown, Refs: []string{"refs/tags/v1"}}},
		{trigger("us-east-1", "codecommit"), host.Event{Kind: host.EventOther}},
		{trigger(region, "s3"), host.Event{Kind: host.EventOther}},
		{bySNS(pulled), host.Event{Kind: host.EventPullRequest, Delivery: "m", Subjects: unknown, Number: 7}},
		{bySNS("Hello"), host.Event{Kind: host.EventOther, Delivery: "m"}},
		{strings.Replace(pulled, `"id"`, `"region": "us-east-1", "id"`, 1), host.Event{Kind: host.EventOther, Delivery: "e"}},
		{`{"detail": {"event": "commentOnPullRequestCreated", "repositoryName": "shop"}}`, host.Event{Kind: host.EventOther}},
		{`{}`, host.Event{Kind: host.EventOther}},
	} {
		got, err := h.Event(host.Delivery{Body: []byte(c.body)})
		if err != nil {
			t.Errorf("%s: %v", c.body, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", c.body, diff)
		}
	}
}
