package codecommit

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"keytrail/indexer/host"
)

// keyHeader is what a connection of EventBridge holds the secret in.
const keyHeader = "X-Api-Key"

// Verify checks what EventBridge sends by the key in its header, and what SNS sends by the secret in the URL and the signature. The
// signature alone would not do: it is good for every topic of every account of AWS.
func (h *Host) Verify(ctx context.Context, d host.Delivery) error {
	if len(d.Header.Values(keyHeader)) > 0 {
		return host.VerifyToken(ctx, h.config.HookSecret, d, keyHeader)
	}
	if err := host.VerifyURL(ctx, h.config.HookSecret, d); err != nil {
		return err
	}
	m, err := readMessage(d.Body)
	if err != nil {
		return &host.Error{Kind: host.ErrSignature, Text: "there is no signature", Err: err}
	}
	return h.topics.verify(ctx, m)
}

// notice is what is read of an event: of a trigger (records), or of EventBridge (detail).
type notice struct {
	ID      string `json:"id"`
	Region  string `json:"region"`
	Records []struct {
		ARN        string `json:"eventSourceARN"`
		CodeCommit struct {
			References []struct {
				Ref string `json:"ref"`
			} `json:"references"`
		} `json:"codecommit"`
	} `json:"Records"`
	Detail detail `json:"detail"`
}

// detail is what is read of an event of CodeCommit
// (https://docs.aws.amazon.com/codecommit/latest/userguide/monitoring-events.html), or of a call of its API that CloudTrail has seen
// (https://docs.aws.amazon.com/codecommit/latest/userguide/integ-cloudtrail.html).
type detail struct {
	Event         string   `json:"event"`
	Name          string   `json:"repositoryName"`
	Names         []string `json:"repositoryNames"` // of a pull request
	ID            string   `json:"repositoryId"`
	Ref           string   `json:"referenceFullName"`
	PullRequestID string   `json:"pullRequestId"`

	Source     string `json:"eventSource"`
	Call       string `json:"eventName"`
	Parameters struct {
		Name    string `json:"repositoryName"`
		NewName string `json:"newName"`
	} `json:"requestParameters"`
	Response struct {
		ID         string   `json:"repositoryId"`
		Repository identity `json:"repositoryMetadata"`
	} `json:"responseElements"`
}

// Event reads a delivery of SNS or EventBridge, or one of EventBridge that came by SNS.
func (h *Host) Event(d host.Delivery) (host.Event, error) {
	m, err := readMessage(d.Body)
	if err != nil {
		return host.Event{}, err
	}
	if m.Type == typeSubscription {
		return host.Event{Kind: host.EventConfirmation, Delivery: m.MessageID}, nil
	}
	body := d.Body
	if m.Type == typeNotification {
		body = []byte(m.Message)
	}
	var n notice
	if err := json.Unmarshal(body, &n); err != nil && m.Type == typeNotification {
		return host.Event{Kind: host.EventOther, Delivery: m.MessageID}, nil // anything may be published to a topic
	} else if err != nil {
		return host.Event{}, host.Problem(host.ErrAnswer, "the webhook's body is not the JSON of an event: leave the input of the rule's target as it is")
	}
	e := h.pushed(n)
	if len(n.Records) == 0 && (n.Region == "" || n.Region == h.config.Region) {
		e = h.told(n.Detail)
	}
	e.Delivery = n.ID
	if m.MessageID != "" {
		e.Delivery = m.MessageID
	}
	return e, nil
}

// pushed reads the records of a trigger. Those of other regions are about other repositories, whatever their names.
func (h *Host) pushed(n notice) host.Event {
	e := host.Event{Kind: host.EventOther}
	var names []string
	for _, r := range n.Records {
		// arn:aws:codecommit:eu-west-1:111122223333:name
		part := strings.SplitN(r.ARN, ":", 6)
		if len(part) != 6 || part[2] != service || part[3] != h.config.Region || part[5] == "" {
			continue
		}
		e.Kind = host.EventPush
		if name := part[5]; !slices.Contains(names, name) {
			names = append(names, name)
			e.Subjects = append(e.Subjects, h.subject("", name))
		}
		for _, reference := range r.CodeCommit.References {
			e.Refs = append(e.Refs, reference.Ref)
		}
	}
	return e
}

// told reads an event of EventBridge. Comments, approvals and their rules change nothing that is indexed.
func (h *Host) told(d detail) host.Event {
	e := host.Event{Kind: host.EventOther}
	switch {
	case d.Source == "codecommit.amazonaws.com":
		return h.called(d)
	case d.Event == "referenceCreated", d.Event == "referenceUpdated", d.Event == "referenceDeleted":
		e.Kind = host.EventPush
		if d.Ref != "" {
			e.Refs = []string{d.Ref}
		}
	case d.Event == "pullRequestCreated", d.Event == "pullRequestSourceBranchUpdated", d.Event == "pullRequestStatusChanged",
		d.Event == "pullRequestMergeStatusUpdated":
		e.Kind = host.EventPullRequest
		if number, err := strconv.ParseInt(d.PullRequestID, 10, 64); err == nil {
			e.Number = number
		}
	default:
		return e
	}
	if d.Name != "" {
		e.Subjects = append(e.Subjects, h.subject(d.ID, d.Name))
	}
	for _, name := range d.Names {
		e.Subjects = append(e.Subjects, h.subject("", name))
	}
	return e
}

// called reads a call of the API.
func (h *Host) called(d detail) host.Event {
	name, id := d.Parameters.Name, d.Response.ID
	var kind host.EventKind
	switch d.Call {
	case "CreateRepository":
		kind, id = host.EventCreated, d.Response.Repository.ID
	case "DeleteRepository":
		kind = host.EventDeleted
	case "UpdateRepositoryName":
		kind, name = host.EventRenamed, d.Parameters.NewName
	default:
		return host.Event{Kind: host.EventOther}
	}
	e := host.Event{Kind: kind}
	if name != "" {
		e.Subjects = []host.Subject{h.subject(id, name)}
	}
	return e
}

// subject names a repository by all that can be known of it.
func (h *Host) subject(id, name string) host.Subject {
	clone := h.clone(name)
	return host.Subject{ID: id, Name: name, URLs: []string{clone, "ssh" + strings.TrimPrefix(clone, "https"), h.page(name)}}
}

// Confirm answers the first delivery of a subscription of SNS.
func (h *Host) Confirm(ctx context.Context, d host.Delivery) error {
	m, err := readMessage(d.Body)
	if err != nil {
		return err
	}
	if m.Type != typeSubscription || m.Token == "" {
		return host.Problem(host.ErrAnswer, "the delivery does not ask for a subscription's confirmation")
	}
	return h.topics.confirm(ctx, m)
}

// Guide tells where the rules and triggers are set up.
func (h *Host) Guide() host.Guide {
	return host.Guide{
		Where: "console of AWS, in region " + h.config.Region + ": Amazon EventBridge > Rules > a rule with the target API destination; " +
			"or for pushes alone CodeCommit > the repository > Settings > Triggers, to an SNS topic with an HTTPS subscription",
		Events: []string{
			"CodeCommit Repository State Change", "CodeCommit Pull Request State Change",
			"AWS API Call via CloudTrail (CreateRepository, DeleteRepository, UpdateRepositoryName)",
			"of a trigger: All repository events",
		},
		Secret: "of SNS: in the URL, for its subscriptions have no field for it; of EventBridge: in the connection of the API destination, " +
			"authorization type API key, API key name " + keyHeader + ", and not in the URL, which then ends before it",
		InURL: true,
		Note: "a subscription of SNS is confirmed by keytrail itself; leave raw message delivery off, and set the topic's SignatureVersion to 2. " +
			"A trigger tells of no pull requests and no new repositories",
	}
}
