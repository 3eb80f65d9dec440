package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"

	"keytrail/bench/asker"
	"keytrail/storage"
)

// answerKey is what every answer is held against: an export of the index.
type answerKey struct {
	issues   []issueAnswer
	postings []int32 // of each posting, its issue
}

// issueAnswer is an issue and its commits, newest first.
type issueAnswer struct {
	text string
	oids []storage.OID
}

// readAnswerKey reads the export of a daemon, which is sorted by key, without the repository that keeps it busy.
func readAnswerKey(ctx context.Context, d *daemon) (*answerKey, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.address+"/api/v1/export", nil)
	if err != nil {
		return nil, err
	}
	answer, err := d.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var k answerKey
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		var line struct {
			Key        string      `json:"key"`
			SHA        storage.OID `json:"sha"`
			Repository struct {
				Name string `json:"name"`
			} `json:"repository"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("export: %w", err)
		}
		if line.Repository.Name == otherName {
			continue
		}
		last := len(k.issues) - 1
		if last < 0 || k.issues[last].text != line.Key {
			k.issues = append(k.issues, issueAnswer{text: line.Key})
			last++
		}
		k.issues[last].oids = append(k.issues[last].oids, line.SHA)
		k.postings = append(k.postings, int32(last))
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	if len(k.postings) == 0 {
		return nil, fmt.Errorf("the history names no issue: there is nothing to ask")
	}
	return &k, nil
}

// draw is a way to choose issues.
type draw struct {
	name      string
	byPosting bool
}

// draws are by posting, so that an issue is asked for as often as commits name it, and each issue as often as any other.
func draws() []draw { return []draw{{"by commit", true}, {"by issue", false}} }

// draw chooses an issue.
func (k *answerKey) draw(random *rand.Rand, byPosting bool) *issueAnswer {
	if byPosting {
		return &k.issues[k.postings[random.IntN(len(k.postings))]]
	}
	return &k.issues[random.IntN(len(k.issues))]
}

// drawnQuestions is how many questions are drawn, and asked again and again in another order: the caches of an index that is
// much larger hold these alone.
const drawnQuestions = 20_000

// page gives the commits of a first page.
func (a *issueAnswer) page() []storage.OID { return a.oids[:min(len(a.oids), asker.PageLimit)] }

// ofIndex draws questions for an index.
func (k *answerKey) ofIndex(d draw) []asker.Question {
	random := asker.Random(1)
	questions := make([]asker.Question, drawnQuestions)
	for i := range questions {
		issue := k.draw(random, d.byPosting)
		questions[i] = asker.Question{Text: issue.text, Length: len(issue.page()), Sum: asker.SumCommits(issue.page())}
	}
	return questions
}

// issuePage is as much of the API's answer as is held against the key.
type issuePage struct {
	Key     string `json:"key"`
	Commits []struct {
		SHA storage.OID `json:"sha"`
	} `json:"commits"`
}

// check holds the answer about an issue against the key.
func (a *issueAnswer) check(got issuePage) error {
	var oids []storage.OID
	for _, c := range got.Commits {
		oids = append(oids, c.SHA)
	}
	if got.Key != a.text || !slices.Equal(oids, a.page()) {
		return fmt.Errorf("the daemon tells %d commits of %s, its export %d, or others", len(oids), a.text, len(a.page()))
	}
	return nil
}

// form is what an answer tells of each commit.
type form struct {
	name, query string
}

// forms are the whole answer, with the branches and tags that contain each commit, and the one without them.
func forms() []form { return []form{{}, {namePlain, "?containment=false"}} }

// drawnTargets is how many different questions a daemon is asked: each answer is read and checked once before.
const drawnTargets = 3000

// ofDaemon draws questions about one issue each and checks the daemon's answers.
func (k *answerKey) ofDaemon(ctx context.Context, d *daemon, by draw, as form) ([]asker.Question, error) {
	random := asker.Random(1)
	known := map[string]asker.Question{}
	questions := make([]asker.Question, drawnTargets)
	for i := range questions {
		issue := k.draw(random, by.byPosting)
		q, ok := known[issue.text]
		if !ok {
			q = asker.Question{Text: "/api/v1/issues/" + issue.text + "/commits" + as.query}
			var page issuePage
			if err := d.learn(ctx, &q, &page); err != nil {
				return nil, err
			}
			if err := issue.check(page); err != nil {
				return nil, err
			}
			known[issue.text] = q
		}
		questions[i] = q
	}
	return questions, nil
}

// batchKeys is how many issues a batch asks for.
const batchKeys = 100

// ofBatches draws batches of issues and checks the daemon's answers.
func (k *answerKey) ofBatches(ctx context.Context, d *daemon, by draw) ([]asker.Question, error) {
	random := asker.Random(2)
	questions := make([]asker.Question, drawnTargets/batchKeys)
	for i := range questions {
		issues := make([]*issueAnswer, batchKeys)
		keys := make([]string, batchKeys)
		for j := range issues {
			issues[j] = k.draw(random, by.byPosting)
			keys[j] = `"` + issues[j].text + `"`
		}
		questions[i] = asker.Question{Text: "/api/v1/issues/commits", Body: `{"keys":[` + strings.Join(keys, ",") + `]}`}
		var answer struct {
			Issues []issuePage `json:"issues"`
		}
		if err := d.learn(ctx, &questions[i], &answer); err != nil {
			return nil, err
		}
		if len(answer.Issues) != batchKeys {
			return nil, fmt.Errorf("a batch of %d issues answers %d", batchKeys, len(answer.Issues))
		}
		for j, page := range answer.Issues {
			if err := issues[j].check(page); err != nil {
				return nil, err
			}
		}
	}
	return questions, nil
}

// learn asks a question as package asker does and notes the answer, which is decoded too.
func (d *daemon) learn(ctx context.Context, q *asker.Question, into any) error {
	body, err := asker.Ask(ctx, d.address, *q)
	if err != nil {
		return err
	}
	q.Length, q.Sum = len(body), asker.SumBody(body)
	return json.Unmarshal(body, into)
}
