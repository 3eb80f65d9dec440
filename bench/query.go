package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"keytrail/bench/asker"
	"keytrail/bench/history"
)

// QueryOptions say what is asked of which keytrail.
type QueryOptions struct {
	Name     string        // of the history, in the report and its file names
	Repo     string        // bare repository
	Keytrail string        // the binary
	Asker    []string      // command of the child that asks, see package asker; its flags and a file follow
	Refspecs []string      // indexed beside branches and tags
	Other    int           // commits of the made history that is indexed in busy turns
	Rounds   int           // how often each question is measured, at least 1
	Duration time.Duration // of each turn
	Clients  int           // of a daemon at once, beside one alone
	Work     string        // where runs write; made if missing
}

// queryRun is one measurement.
type queryRun struct {
	QueryOptions
	dir    string // temporary
	other  string // the history that is indexed in busy turns
	key    *answerKey
	report *QueryReport
	log    io.Writer
}

// Query measures how fast issues' commits are told: by the index in process, and by a daemon over HTTP, both at rest and
// while another repository is indexed. Every answer must be what an export of the index says. Progress goes to log.
func Query(ctx context.Context, o QueryOptions, log io.Writer) (_ QueryReport, err error) {
	checked, err := Options{Repo: o.Repo, Keytrail: o.Keytrail, Rounds: o.Rounds, Work: o.Work}.absolute()
	if err != nil {
		return QueryReport{}, err
	}
	o.Repo, o.Keytrail, o.Work = checked.Repo, checked.Keytrail, checked.Work
	checked.Name = o.Name
	described, err := describe(ctx, checked)
	if err != nil {
		return QueryReport{}, err
	}
	report := QueryReport{
		Name: o.Name, Day: described.Day, Rounds: o.Rounds, Seconds: o.Duration.Seconds(), Machine: described.Machine,
		Versions: described.Versions, Repository: described.Repository, Other: o.Other,
	}
	q := &queryRun{QueryOptions: o, report: &report, log: log}
	if q.other, err = makeOther(ctx, o.Other, o.Work); err != nil {
		return QueryReport{}, err
	}
	if q.dir, err = os.MkdirTemp(o.Work, "query-"); err != nil {
		return QueryReport{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(q.dir)) }()
	for _, step := range []func(context.Context) error{q.askDaemon, q.askIndex, q.askGit} {
		if err := step(ctx); err != nil {
			return QueryReport{}, err
		}
	}
	report.finish()
	return report, nil
}

// makeOther gives a history of which no key and no commit is another history's. It is made once and kept.
func makeOther(ctx context.Context, commits int, work string) (string, error) {
	o := history.Default(commits)
	o.Seed, o.Projects = 2, []string{"ELSEWHERE", "ANOTHER"}
	return makeRepository(ctx, fmt.Sprintf("other-%d", commits), o, work)
}

// served are the repositories of the daemon: the one that is asked about, and the one that keeps it busy.
func (q *queryRun) served() []served {
	return []served{{name: q.Name, url: q.Repo}, {name: otherName, url: q.other}}
}

const otherName = "other"

// askIndex asks the index in process. One process at a time can have it, so that each set of questions has its own in turn.
func (q *queryRun) askIndex(ctx context.Context) error {
	var sets []*questionSet
	for _, by := range draws() {
		row := QueryRow{Name: nameIndex + by.name, Clients: 1}
		busy := row
		busy.IsBusy = true
		sets = append(sets, &questionSet{rows: []QueryRow{row, busy}, questions: q.key.ofIndex(by)})
	}
	for round := range q.Rounds {
		for _, s := range sets {
			if err := q.askIndexOnce(ctx, s, round); err != nil {
				return err
			}
		}
	}
	q.collect(sets)
	return nil
}

func (q *queryRun) askIndexOnce(ctx context.Context, s *questionSet, round int) (err error) {
	if err := q.start(ctx, s, "--data", filepath.Join(q.dir, dataDir), "--other", q.other); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.child.close()) }()
	for i := range s.rows {
		if err := q.turn(s, i, round, nil); err != nil {
			return err
		}
	}
	return nil
}

// askDaemon has a daemon build the index, reads its export, and asks over HTTP.
func (q *queryRun) askDaemon(ctx context.Context) (err error) {
	fmt.Fprintln(q.log, "indexing", q.Name)
	began := time.Now()
	d, err := startDaemon(ctx, q.Keytrail, q.dir, q.Refspecs, q.served())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.untilIndexed(ctx, len(q.served()), began); err != nil {
		return err
	}
	if q.key, err = readAnswerKey(ctx, d); err != nil {
		return err
	}
	q.report.Repository.Keys, q.report.Repository.Pairs = len(q.key.issues), len(q.key.postings)
	memory := startWatch(d.cmd.Process.Pid)
	defer memory.end()
	sets, err := q.daemonSets(ctx, d)
	if err != nil {
		return err
	}
	for _, s := range sets {
		if err := q.start(ctx, s, "--address", d.address); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.child.close()) }()
	}
	busy, err := d.busier(ctx)
	if err != nil {
		return err
	}
	for round := range q.Rounds {
		for _, s := range sets {
			for i := range s.rows {
				if err := busy.during(ctx, s.rows[i].IsBusy, func() error { return q.turn(s, i, round, d) }); err != nil {
					return err
				}
			}
		}
	}
	q.collect(sets)
	if err := q.followFeed(ctx, d); err != nil {
		return err
	}
	q.report.Memory = memory.end()
	return nil
}

// daemonSets draws what a daemon is asked, and learns and checks its answers.
func (q *queryRun) daemonSets(ctx context.Context, d *daemon) ([]*questionSet, error) {
	health := asker.Question{Text: "/healthz"}
	if err := d.learn(ctx, &health, &struct{}{}); err != nil {
		return nil, err
	}
	sets := []*questionSet{{
		rows: []QueryRow{{Name: nameHealth, Clients: 1}, {Name: nameHealth, Clients: q.Clients}}, questions: []asker.Question{health},
	}}
	for _, by := range draws() {
		for _, as := range forms() {
			questions, err := q.key.ofDaemon(ctx, d, by, as)
			if err != nil {
				return nil, err
			}
			name := nameHTTP + by.name + as.name
			sets = append(sets, &questionSet{questions: questions, rows: []QueryRow{
				{Name: name, Clients: 1}, {Name: name, Clients: q.Clients}, {Name: name, Clients: 1, IsBusy: true}, {Name: name, Clients: q.Clients, IsBusy: true},
			}})
		}
	}
	by := draws()[0]
	questions, err := q.key.ofBatches(ctx, d, by)
	name := fmt.Sprintf("batch of %d issues, %s", batchKeys, by.name)
	return append(sets, &questionSet{questions: questions, rows: []QueryRow{
		{Name: name, Clients: 1}, {Name: name, Clients: q.Clients}, {Name: name, Clients: 1, IsBusy: true},
	}}), err
}

func (q *queryRun) collect(sets []*questionSet) {
	for _, s := range sets {
		q.report.Rows = append(q.report.Rows, s.rows...)
	}
}

// askGit times what people run today to find the commits of one issue.
func (q *queryRun) askGit(ctx context.Context) error {
	var seconds []float64
	random := asker.Random(0)
	for range q.Rounds {
		key := q.key.draw(random, true)
		s, err := measure(ctx, []string{"git", "--git-dir", q.Repo, "log", "--all", "--format=%H", "--fixed-strings", "--grep=" + key.text})
		if err != nil {
			return err
		}
		seconds = append(seconds, s.Wall)
		fmt.Fprintf(q.log, "git log --all --grep=%s: %.2f s\n", key.text, s.Wall)
	}
	q.report.Git = series(seconds)
	return nil
}
