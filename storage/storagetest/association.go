package storagetest

import (
	"time"

	"keytrail/storage"
)

// associationPromises are about what people decide by hand.
func associationPromises() []promise {
	return []promise{
		{"an added key links the commit in every repository that holds it", addedKey},
		{"a dropped key unlinks the commit whatever message and notes say", droppedKey},
		{"of several decisions the last stands, and a cleared one gives the word back", lastStands},
		{"a decision waits for its commit", decidedBefore},
		{"decisions survive force pushes, rebuilds and forgetting", decisionsStay},
		{"a note that comes and goes changes nothing about a decision", noteBesideDecision},
		{"the log tells who, when and why, and what stands", associationLog},
		{"decisions that cannot be are refused as a whole", refusedDecisions},
		{"the keys of the message stay as they are", messageKeysStay},
	}
}

// decision makes an association of a commit by its name.
func decision(says storage.Verdict, key storage.IssueKey, name string) storage.Association {
	return storage.Association{Key: key, OID: oid(name), Verdict: says, At: noon(), By: "ann", Token: "desk", Reason: "by hand"}
}

func add(key storage.IssueKey, name string) storage.Association {
	return decision(storage.VerdictAdd, key, name)
}

func drop(key storage.IssueKey, name string) storage.Association {
	return decision(storage.VerdictDrop, key, name)
}

func clearly(key storage.IssueKey, name string) storage.Association {
	return decision(storage.VerdictClear, key, name)
}

// decide takes decisions over, and checks the whole index.
func (f *fixture) decide(decided ...storage.Association) storage.Associated {
	f.Helper()
	done, err := f.store.Associate(f.ctx, decided)
	f.must(err)
	f.verify()
	return done
}

func addedKey(f *fixture) {
	f.register(3)
	f.push(1, "a:K-1 b<a", "heads/main=b")
	f.push(2, "a:K-2", "heads/main=a")
	f.push(3, "c", "heads/main=c")
	f.equal("associated", storage.Associated{PostingsAdded: 2}, f.decide(add("K-9", "a")))
	f.wantLinked("K-9", "a 2a")
	f.equal("keys", keys("K-1,K-9"), f.commit(1, "a").Keys)
	f.equal("keys", keys("K-2,K-9"), f.commit(2, "a").Keys)
	f.equal("postings", []int64{2, 2, 0}, []int64{f.repository(1).Postings, f.repository(2).Postings, f.repository(3).Postings})
	f.equal("associated again", storage.Associated{}, f.decide(add("K-9", "a")))
	f.equal("a key that the message has", storage.Associated{PostingsAdded: 1}, f.decide(add("K-1", "a")))
	f.equal("branches", 0, len(f.issue("K-9").Branches))
}

func droppedKey(f *fixture) {
	f.register(2)
	f.push(1, "a:K-1,K-2 b:K-1<a", "heads/main=b")
	f.push(2, "a:K-1", "heads/main=a")
	f.annotate(1, note("a", "see K-3", "K-3"))
	f.equal("associated", storage.Associated{PostingsDropped: 3}, f.decide(drop("K-1", "a"), drop("K-3", "a")))
	f.wantLinked("K-1", "b")
	f.wantLinked("K-3", "")
	f.equal("keys", keys("K-2"), f.commit(1, "a").Keys)
	f.equal("keys", keys(""), f.commit(2, "a").Keys)
	f.equal("notes", map[string]string{"refs/notes/commits": "see K-3"}, f.commit(1, "a").Notes)
}

func lastStands(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1 b<a", "heads/main=b")
	f.equal("at once", storage.Associated{PostingsDropped: 1}, f.decide(add("K-1", "a"), drop("K-1", "a")))
	f.equal("taken back at once", storage.Associated{}, f.decide(add("K-2", "b"), drop("K-2", "b"), clearly("K-2", "b")))
	f.equal("the other way", storage.Associated{PostingsAdded: 1}, f.decide(add("K-1", "a")))
	f.equal("again", storage.Associated{PostingsDropped: 1}, f.decide(drop("K-1", "a")))
	f.equal("cleared", storage.Associated{PostingsAdded: 1}, f.decide(clearly("K-1", "a")))
	f.equal("cleared again", storage.Associated{}, f.decide(clearly("K-1", "a")))
	f.wantLinked("K-1", "a")
	f.equal("standing", []storage.Association(nil), all(f, f.store.Associations(f.ctx, storage.AssociationQuery{})))
}

func decidedBefore(f *fixture) {
	f.register(2)
	f.equal("associated", storage.Associated{}, f.decide(add("K-9", "b"), drop("K-1", "b"), add("K-2", "a")))
	done := f.push(1, "a b:K-1,K-3<a", "heads/main=b")
	f.equal("advanced", storage.Advanced{CommitsAdded: 2, PostingsAdded: 3, TipsChanged: 1}, done)
	f.wantLinked("K-1", "")
	f.equal("keys", keys("K-3,K-9"), f.commit(1, "b").Keys)
	f.push(2, "a", "heads/main=a")
	done = f.push(2, "b:K-1<a", "heads/main=b")
	f.equal("advanced by a push", storage.Advanced{CommitsAdded: 1, PostingsAdded: 1, TipsChanged: 1}, done)
	f.wantLinked("K-9", "b 2b")
}

func decisionsStay(f *fixture) {
	f.register(1)
	f.push(1, "a b:K-1<a", "heads/main=b")
	f.decide(add("K-9", "b"), drop("K-1", "b"))
	f.equal("advanced by a rebuild", storage.Advanced{}, f.apply(reset(f.advance(1, "a b:K-1<a", "heads/main=b"))))
	f.wantLinked("K-9", "b")
	f.wantLinked("K-1", "")
	done := f.push(1, "", "heads/main=a")
	f.equal("advanced by a force push", storage.Advanced{CommitsDropped: 1, PostingsDropped: 1, TipsChanged: 1}, done)
	f.push(1, "b:K-1@2<a", "heads/main=b")
	f.wantLinked("K-9", "b")
	f.must(f.store.Forget(f.ctx, 1))
	f.verify()
	ids, err := f.store.Register(f.ctx, []storage.RepositorySpec{{HostID: "host-1"}})
	f.must(err)
	f.push(ids[0], "a b:K-1<a", "heads/main=b")
	f.wantLinked("K-9", "2b")
	f.wantLinked("K-1", "")
}

func noteBesideDecision(f *fixture) {
	f.register(1)
	f.push(1, "a b", "heads/main=a", "heads/side=b")
	f.decide(drop("K-1", "a"), add("K-1", "b"))
	f.equal("advanced", storage.Advanced{}, f.annotate(1, note("a", "K-1", "K-1"), note("b", "K-1", "K-1")))
	f.wantLinked("K-1", "b")
	f.equal("advanced", storage.Advanced{PostingsAdded: 1}, f.annotate(1, note("a", "K-1 K-2", "K-1,K-2")))
	f.equal("advanced", storage.Advanced{}, f.annotate(1, storage.Note{Object: oid("b"), Deleted: true}))
	f.wantLinked("K-1", "b")
	f.equal("keys", keys("K-2"), f.commit(1, "a").Keys)
}

func associationLog(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1", "heads/main=a")
	given := []storage.Association{add("K-1", "a"), drop("K-2", "a"), add("K-1", "b"), drop("K-1", "a"), clearly("K-2", "a")}
	given[1].At, given[1].By, given[1].Token, given[1].Reason = noon().Add(time.Nanosecond).In(time.FixedZone("", 3600)), "", "", ""
	f.decide(given[:2]...)
	f.decide(given[2:]...)
	for i := range given {
		given[i].Number, given[i].At = uint64(i+1), given[i].At.UTC()
	}
	for _, c := range []struct {
		q    storage.AssociationQuery
		want []int // numbers
	}{
		{storage.AssociationQuery{History: true}, []int{1, 2, 3, 4, 5}},
		{storage.AssociationQuery{}, []int{3, 4}},
		{storage.AssociationQuery{OID: oid("a")}, []int{4}},
		{storage.AssociationQuery{OID: oid("a"), History: true, After: 1}, []int{2, 4, 5}},
		{storage.AssociationQuery{Key: "K-1"}, []int{3, 4}},
		{storage.AssociationQuery{Key: "K-1", OID: oid("b")}, []int{3}},
		{storage.AssociationQuery{Key: "K-2"}, nil},
		{storage.AssociationQuery{Key: "K-2", History: true}, []int{2, 5}},
		{storage.AssociationQuery{After: 3}, []int{4}},
		{storage.AssociationQuery{OID: oid("a"), After: 4}, nil},
		{storage.AssociationQuery{OID: oid("c")}, nil},
	} {
		var want []storage.Association
		for _, n := range c.want {
			want = append(want, given[n-1])
		}
		f.equal("associations", want, all(f, f.store.Associations(f.ctx, c.q)))
	}
	f.equal("left early and ranged over again", [2]int{1, 5}, leave(f.store.Associations(f.ctx, storage.AssociationQuery{History: true})))
}

func refusedDecisions(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1", "heads/main=a")
	before := f.answers()
	for _, bad := range []storage.Association{
		decision("maybe", "K-2", "a"), decision("", "K-2", "a"), add("", "a"), add("K", "a"), add("K-", "a"), add("-1", "a"),
	} {
		if _, err := f.store.Associate(f.ctx, []storage.Association{add("K-2", "a"), bad}); err == nil {
			f.Errorf("%+v: no error", bad)
		}
	}
	f.equal("answers", before, f.answers())
}

func messageKeysStay(f *fixture) {
	f.register(1)
	f.push(1, "a:K-1", "heads/main=a")
	f.decide(add("K-2", "a"), drop("K-1", "a"))
	f.equal("members", []storage.Member{{OID: oid("a"), Keys: keys("K-1")}}, all(f, f.store.Members(f.ctx, 1)))
	f.decide(clearly("K-1", "a"), clearly("K-2", "a"))
	f.equal("keys", keys("K-1"), f.commit(1, "a").Keys)
}
