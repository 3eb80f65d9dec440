package schedule

import "container/list"

// The classes of jobs, in the order of their going.
const (
	nudged = iota
	routine
	classes
)

// burst is how many nudged jobs may go in a row while a routine one waits.
const burst = 7

// host is where repositories live: what shares a limit and takes turns.
type host struct {
	name    string
	items   int // repositories of it
	running int // jobs that hold one of its slots
	queues  [classes]list.List
	turns   [classes]*list.Element // in Schedule.turns; nil while it may not run any of the class
}

// host gives the host of that name, which is made when it is new.
func (s *Schedule) host(name string) *host {
	h, known := s.hosts[name]
	if !known {
		h = &host{name: name}
		s.hosts[name] = h
	}
	return h
}

// settle gives a host its turns by its queues and its free slots, and drops one that is empty. It belongs after every
// change of either.
func (s *Schedule) settle(h *host) {
	for class := range classes {
		may := h.queues[class].Len() > 0 && h.running < s.limits.PerHost
		switch {
		case may && h.turns[class] == nil:
			h.turns[class] = s.turns[class].PushBack(h)
		case !may && h.turns[class] != nil:
			s.turns[class].Remove(h.turns[class])
			h.turns[class] = nil
		}
	}
	if h.items == 0 && h.running == 0 {
		delete(s.hosts, h.name)
	}
}

// pick takes the first of the queue of the host whose turn it is; nil when nothing may run.
func (s *Schedule) pick() *item {
	if s.running >= s.limits.Total {
		return nil
	}
	class := nudged
	if s.turns[nudged].Len() == 0 || s.streak >= burst && s.turns[routine].Len() > 0 {
		class = routine
	}
	turn := s.turns[class].Front()
	if turn == nil {
		return nil
	}
	if s.streak++; class == routine {
		s.streak = 0
	}
	h := turn.Value.(*host)
	s.turns[class].MoveToBack(turn)
	it := h.queues[class].Remove(h.queues[class].Front()).(*item)
	it.place = nil
	it.nudged = false
	it.running = true
	it.slot = h
	h.running++
	s.running++
	s.settle(h)
	return it
}
