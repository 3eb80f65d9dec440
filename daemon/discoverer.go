package daemon

import (
	"time"

	"keytrail/httpapi"
	"keytrail/indexer/discovery"
)

// discoverer tells the API of integrations.
type discoverer struct{ *discovery.Discoverer }

var _ httpapi.Discoverer = discoverer{}

// Integrations gives the JSON form of all states.
func (d discoverer) Integrations() []httpapi.Integration {
	states := d.States()
	all := make([]httpapi.Integration, len(states))
	for i, s := range states {
		all[i] = integrationOf(s)
	}
	return all
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
