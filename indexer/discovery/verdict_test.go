package discovery_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"keytrail/indexer/host"
	"keytrail/storage"
)

func TestALossOfMoreThanHalfIsBelievedWhenItWasSaidThreeTimesAnIntervalApart(t *testing.T) {
	for _, c := range []struct {
		name        string
		before      int
		from, to    int
		isPlausible bool
	}{
		{"one of two", 2, 1, 1, true},
		{"three of four", 4, 1, 1, true},
		{"half of ten", 10, 1, 5, true},
		{"more than half of ten", 10, 1, 4, false},
		{"three of five", 5, 1, 2, false},
		{"the only one", 1, 1, 0, false},
		{"all", 10, 1, 0, false},
		{"all, for as many others", 10, 11, 20, false},
		{"none, with new ones", 10, 1, 30, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &account{}
				a.gives(1, c.before)
				b := newBench(t)
				b.run(source(a))
				defer b.stop()
				synctest.Wait()
				a.gives(c.from, c.to)
				after := c.to - c.from + 1
				pass(1)
				if c.isPlausible {
					b.has(after, "at once")
					return
				}
				b.has(c.before, "said once")
				if s := b.state(); s.Doubted != 1 || s.Class != storage.ClassTransient || !strings.Contains(s.Text, `{"accept": true}`) {
					t.Errorf("said once: %+v", s)
				}
				pass(1)
				b.has(c.before, "said twice")
				pass(1)
				b.has(after, "said three times")
				if s := b.state(); s.Doubted != 0 || s.Class != "" || s.Selected != after {
					t.Errorf("believed: %+v", s)
				}
			})
		})
	}
}

func TestAnImplausibleAnswerMustBeTheSameToBeBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &account{}
		a.gives(1, 10)
		b := newBench(t)
		b.run(source(a))
		defer b.stop()
		synctest.Wait()
		for n := range 6 {
			a.gives(1, n%2)
			pass(1)
		}
		b.has(10, "said differently each time")
		for range 20 {
			b.ask(false)
		}
		b.has(10, "asked for often within one interval")
		a.gives(1, 10)
		pass(1)
		a.gives(1, 1)
		pass(2)
		b.has(10, "said twice after it was well")
		a.fails(host.Problem(host.ErrAuth, "the token has ended"))
		pass(1)
		if s := b.state(); s.Class != storage.ClassAuth || s.Doubted != 0 {
			t.Errorf("failing: %+v", s)
		}
		a.gives(1, 1)
		pass(1)
		b.has(1, "said once more, with a failure between")
	})
}

func TestAnOperatorsWordIsBelievedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &account{}
		a.gives(1, 10)
		b := newBench(t)
		b.run(source(a))
		defer b.stop()
		synctest.Wait()
		a.gives(1, 0)
		b.ask(false)
		b.has(10, "asked")
		b.ask(true)
		b.has(0, "accepted")
		a.gives(1, 10)
		b.ask(false)
		a.gives(1, 0)
		b.ask(false)
		b.has(10, "after the one answer that was accepted")
	})
}

func TestAChangedFilterIsAWishUnlessItLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &account{}
		a.gives(1, 10)
		s := source(a)
		s.Selection = "all"
		b := newBench(t)
		b.run(s)
		defer b.stop()
		synctest.Wait()
		a.gives(1, 0)
		s.Selection = "none, by mistake"
		b.set(s)
		synctest.Wait()
		b.has(10, "with a filter that leaves nothing")
		a.gives(1, 2)
		s.Selection = "two"
		b.set(s)
		synctest.Wait()
		b.has(2, "with a filter that leaves two")
		a.gives(1, 10)
		pass(1)
		a.gives(1, 2)
		pass(1)
		b.has(10, "without another change of the filter")
	})
}

// nothing is a filter that leaves out all.
type nothing struct{}

func (nothing) Apply(context.Context, any) (any, error) { return []host.Repository{}, nil }
func (nothing) Wait()                                   {}

func TestAFilterThatLeavesNothingIsNamedAsTheReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &account{}
		a.gives(1, 10)
		s := source(a)
		b := newBench(t)
		b.run(s)
		defer b.stop()
		synctest.Wait()
		s.Filter = nothing{}
		b.set(s)
		synctest.Wait()
		b.has(10, "with a filter that leaves nothing")
		if text := b.state().Text; !strings.Contains(text, "left out by the filter, as all of the 10 it lists are") {
			t.Errorf("the error does not name the filter: %s", text)
		}
	})
}

func TestWhatIsGoodIsKnownFromTheIndexAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &account{}
		a.gives(1, 10)
		b := newBench(t)
		b.run(source(a))
		synctest.Wait()
		b.stop()
		again := newBenchOn(t, b.store)
		a.gives(1, 1)
		again.run(source(a))
		defer again.stop()
		synctest.Wait()
		again.has(10, "at the first answer after a restart")
	})
}
