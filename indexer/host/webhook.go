package host

import (
	"context"
	"net/http"
)

// Delivery is a webhook's request as it came in.
type Delivery struct {
	Header http.Header
	Body   []byte // the exact bytes: signatures are over them
	Secret string // what the URL holds as its secret; empty: none
}

// Webhooks is a host that tells of changes.
type Webhooks interface {
	// Verify accepts a delivery that comes from the host, as the host lets that be checked. Everything else is ErrSignature.
	Verify(ctx context.Context, d Delivery) error
	// Event reads a delivery that Verify has accepted. What it does not know is EventOther; a body that is not the host's is
	// ErrAnswer.
	Event(d Delivery) (Event, error)
	// Guide tells a person how to set the webhook up.
	Guide() Guide
}

// Confirmer is a host that sends no events before somebody has answered its first delivery.
type Confirmer interface {
	// Confirm answers a delivery that Verify has accepted and whose Event is EventConfirmation.
	Confirm(ctx context.Context, d Delivery) error
}

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	EventPush         EventKind = "push"         // refs moved, were made or deleted
	EventPullRequest  EventKind = "pull-request" // a pull request was made or changed
	EventCreated      EventKind = "created"      // a repository is new to the account
	EventRenamed      EventKind = "renamed"      // a repository has another name, owner, or state (archived, visibility)
	EventDeleted      EventKind = "deleted"      // a repository is gone for the account
	EventPing         EventKind = "ping"         // the host tries the webhook out
	EventConfirmation EventKind = "confirmation" // the host waits for Confirm
	EventOther        EventKind = "other"        // nothing that concerns the index
)

// Event is what a delivery tells. It is a reason to look, never a source of data: deliveries are lost, doubled, reordered and replayed.
type Event struct {
	Kind     EventKind
	Delivery string    // the host's id of the delivery; empty when it has none
	Subjects []Subject // the repositories it is about. Empty: the host does not say, so any of the account
	Refs     []string  // the full names of the refs that changed, as "refs/heads/main"; empty: not told
	Number   int64     // of the pull request; 0: not told
}

// Subject names a repository by all that a delivery has.
type Subject struct {
	ID   string   // the host's own; empty when it is not told
	Name string   // full path
	URLs []string // any that may name the repository: of cloning, of the web page; not normalised
}

// Guide says how a webhook is set up at the host.
type Guide struct {
	Where  string   // in the host's web pages, as "Organisation > Settings > Webhooks"
	Events []string // to subscribe to, in the words of the host's page
	Secret string   // where the secret goes, as "field Secret"
	InURL  bool     // the secret goes to the end of the URL, for the host has no other place for it
	Note   string   // what else to know; may be empty
}
