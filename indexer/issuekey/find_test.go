package issuekey

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// subject is one set of rules with its models.
type subject struct {
	rules         *Rules
	message, name func(text string) []Match
}

func subjects(t testing.TB) []subject {
	yes, no := true, false
	peer := func(preset string, model peerModel) subject {
		return subject{mustNew(t, Options{Preset: preset}), model, model}
	}
	return []subject{
		{mustNew(t, Options{}), jiraModel{}.find, jiraModel{anyCase: true, lastPart: true}.find},
		{mustNew(t, Options{AnyCaseMessages: &yes, AnyCaseNames: &no}), jiraModel{anyCase: true}.find, jiraModel{}.find},
		peer(GitHub, githubModel()),
		peer(GitLab, gitlabModel()),
		peer(Bitbucket, bitbucketModel()),
	}
}

// unique gives the keys at the matches in upper case, sorted, each once.
func unique(text string, found []Match) []string {
	var keys []string
	for _, m := range found {
		keys = append(keys, strings.ToUpper(text[m.Start:m.End]))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// check holds the scanner to the models, and the answers of Rules to each other.
func (s subject) check(text string) error {
	found := s.rules.Find(nil, []byte(text))
	if want := storable(text, s.message(text)); !slices.Equal(found, want) {
		return fmt.Errorf("Find gives %v, the model %v", found, want)
	}
	end := 0
	for _, m := range found {
		if m.Start < end || m.Start >= m.Hyphen || m.Hyphen+1 >= m.End || m.End > len(text) || text[m.Hyphen] != '-' {
			return fmt.Errorf("offsets %v after %d", m, end)
		}
		end = m.End
	}
	keys := s.rules.Keys(text)
	if want := unique(text, found); !slices.Equal(keys, want) {
		return fmt.Errorf("Keys gives %q, its matches %q", keys, want)
	}
	named := s.rules.NameKeys(text)
	if want := unique(text, storable(text, s.name(text))); !slices.Equal(named, want) {
		return fmt.Errorf("NameKeys gives %q, the model %q", named, want)
	}
	for _, key := range slices.Concat(keys, named) {
		if got, err := s.rules.Canonical(key); got != key || err != nil {
			return fmt.Errorf("Canonical(%q) = %q, %v", key, got, err)
		}
	}
	if err := s.checkExplain(text, false, keys); err != nil {
		return err
	}
	return s.checkExplain(text, true, named)
}

func (s subject) checkExplain(text string, name bool, want []string) error {
	var keys []string
	for _, f := range s.rules.Explain(text, name) {
		switch {
		case f.Start < 0 || f.End > len(text) || f.Text != text[f.Start:f.End]:
			return fmt.Errorf("Explain has offsets %d:%d for %q", f.Start, f.End, f.Text)
		case f.Key == "" && f.Reason == "":
			return fmt.Errorf("Explain gives no reason for %q", f.Text)
		case f.Key != "":
			keys = append(keys, f.Key)
		}
	}
	slices.Sort(keys)
	if keys = slices.Compact(keys); !slices.Equal(keys, want) {
		return fmt.Errorf("Explain(name %t) has keys %q, want %q", name, keys, want)
	}
	return nil
}

// checkUnion holds Keys to giving for two texts with a space between them what it gives for each.
func (s subject) checkUnion(a, b string) error {
	want := slices.Concat(s.rules.Keys(a), s.rules.Keys(b))
	slices.Sort(want)
	if got := s.rules.Keys(a + " " + b); !slices.Equal(got, slices.Compact(want)) {
		return fmt.Errorf("Keys of both is %q, of each %q", got, want)
	}
	return nil
}

// The alphabet is small, so that most texts have something at the edge of being a key.
func TestScannerAgreesWithModelsOnRandomTexts(t *testing.T) {
	alphabet := []string{"A", "B", "Z", "a", "b", "z", "_", "-", "-", "-", "0", "1", "9", "12", " ", "\n", ".", "Ä", "ß", "ǅ", "日", "ſ", "\u212a", "٣", "\xff", "\xc3", "@", "[", "`", "{", "/", ":"}
	tested := subjects(t)
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for range 20000 {
		var text strings.Builder
		for range random.IntN(14) {
			text.WriteString(alphabet[random.IntN(len(alphabet))])
		}
		for _, s := range tested {
			if err := s.check(text.String()); err != nil {
				t.Fatalf("seed %d, %s, %q: %v", seed, s.rules.preset, text.String(), err)
			}
		}
	}
}

func FuzzFind(f *testing.F) {
	for _, text := range []string{
		"ABC-12: fix ABC-7 and feature_ABC-12 (#3)\n\nReviewed-by: A. Person <person@example.com>", "日本ABC-12語 ÄBC-12 ABC-12ä",
		"AB-CD-12 AB-12-CD-34 AB-12_CD-34", "2PAC-123 F-67 ABC-007 JIRA-123abcd thisNOT-123", "ABC-99999999999999999999",
		strings.Repeat("A", 256) + "-1 " + strings.Repeat("_", 300) + "AB-1", "A-B-C-1 x-ABC-1 \xffAB-1\xff", "ſAB-1 AB-1\u212a",
	} {
		f.Add(text, uint(len(text)/2))
	}
	tested := subjects(f)
	f.Fuzz(func(t *testing.T, text string, split uint) {
		if len(text) > 600 {
			t.Skip("the models take cubic time")
		}
		cut := int(split % uint(len(text)+1))
		for _, s := range tested {
			if err := s.check(text); err != nil {
				t.Errorf("%s: %v", s.rules.preset, err)
			}
			if err := s.checkUnion(text[:cut], text[cut:]); err != nil {
				t.Errorf("%s: %v", s.rules.preset, err)
			}
		}
	})
}

func TestKeysAreUniqueHoweverManyThereAre(t *testing.T) {
	r := mustNew(t, Options{})
	var text bytes.Buffer
	want := map[string]bool{}
	for range 3 {
		for n := range 5 * recent {
			fmt.Fprintf(&text, "ABC-%d ", n+1)
			want[fmt.Sprintf("ABC-%d", n+1)] = true
		}
	}
	got := r.Keys(text.String())
	if len(got) != len(want) || !slices.IsSorted(got) {
		t.Fatalf("%d keys, sorted %t; want %d", len(got), slices.IsSorted(got), len(want))
	}
}

func TestAppendKeysLeavesWhatIsInTheSliceAlone(t *testing.T) {
	type issueKey string
	r := mustNew(t, Options{})
	got := AppendKeys([]issueKey{"ZZ-1", "AB-1"}, r, "ZZ-1 CD-1 AB-1 CD-1")
	got = AppendNameKeys(got, r, "fix/cd-1")
	if want := []issueKey{"ZZ-1", "AB-1", "AB-1", "CD-1", "ZZ-1", "CD-1"}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestFindingTakesNoMemoryButForKeysThatAreWrittenInAnotherWay(t *testing.T) {
	r := mustNew(t, Options{Deny: DefaultDeny(), Aliases: map[string]string{"OLD": "NEW"}})
	none := []byte(strings.Repeat("a well-known UTF-8 text of 2024-10-25 without keys, F-67 ÄBC-12, ", 20))
	some := []byte("ABC-12: like OLD-7 and ABC-12, but UTF-8\n\nDEF-3 ABC-12")
	noneText, someText := string(none), string(some)
	matches, keys, key := make([]Match, 0, 16), make([]string, 0, 16), make([]byte, 0, maxKey)
	for _, c := range []struct {
		name string
		want float64
		run  func()
	}{
		{"Keys without keys", 0, func() { r.Keys(noneText) }},
		{"Find", 0, func() { matches = r.Find(matches[:0], some) }},
		{"AppendKey", 0, func() { key = r.AppendKey(key[:0], some, Match{0, 3, 6}) }},
		{"AppendKeys of three keys, one by its alias", 1, func() { keys = AppendKeys(keys[:0], r, someText) }},
		{"NameKeys without a hyphen", 0, func() { r.NameKeys("refs/heads/a_rather_long_name_for_a_branch") }},
	} {
		if got := testing.AllocsPerRun(100, c.run); got != c.want {
			t.Errorf("%s: %v allocations, want %v", c.name, got, c.want)
		}
	}
}
