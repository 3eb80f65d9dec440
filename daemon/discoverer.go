package daemon

import (
	"time"

	"keytrail/httpapi"
	"keytrail/indexer/discovery"
)

// discoverer tells the API of integrations.
type discoverer struct {
	*discovery.Discoverer
	actions *actions // which know the integrations in force
}

var _ httpapi.Discoverer = discoverer{}

// Integrations gives the JSON form of all states.
func (d discoverer) Integrations() []httpapi.Integration {
	states := d.States()
	all := make([]httpapi.Integration, len(states))
	for i, s := range states {
		all[i] = d.shown(s)
	}
	return all
}

// shown gives the JSON form of a state, with what the discovery that runs is at.
func (d discoverer) shown(s discovery.State) httpapi.Integration {
	in := integrationOf(s)
	if s.IsRunning {
		in.Trying = &httpapi.Trying{Since: s.Began.UTC()}
		if err := d.actions.failureSince(s.Name, s.Began); err != nil {
			in.Trying.Error = err.Error()
		}
	}
	return in
}

func integrationOf(s discovery.State) httpapi.Integration {
	in := httpapi.Integration{
		Name: s.Name, Type: s.Kind, State: httpapi.IntegrationOK,
		Listed: s.Listed, Selected: s.Selected, Archived: s.Archived, Disabled: s.Disabled,
		LastSuccess: timeOrNil(s.LastSuccess), Next: timeOrNil(s.Next), Doubted: s.Doubted,
	}
	if s.Class != "" {
		in.Error = &httpapi.RepositoryError{Class: s.Class, Text: s.Text, Since: s.FailingSince.UTC(), Count: s.Failures}
	}
	switch {
	case s.Class != "" && s.Doubted > 0:
		in.State = httpapi.IntegrationDoubted
	case s.Class != "":
		in.State = httpapi.IntegrationFailing
	case s.LastSuccess.IsZero():
		in.State = httpapi.IntegrationNew
	}
	return in
}

// timeOrNil gives nil for the zero time.
func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
