package smartcommit

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keytrail/indexer/issuekey"
)

func rules(t testing.TB) *issuekey.Rules {
	t.Helper()
	r, err := issuekey.New(issuekey.Options{Deny: issuekey.DefaultDeny(), Aliases: map[string]string{"OLD": "ACME"}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// shown writes commands as "index key name: text", a line each.
func shown(commands []Command) string {
	var b strings.Builder
	for _, c := range commands {
		fmt.Fprintf(&b, "%d %s %s: %q\n", c.Index, c.Key, c.Name, c.Text)
	}
	return b.String()
}

func TestCommandsOfGitIntegrationForJiraAreReadAsDocumented(t *testing.T) {
	for text, want := range map[string]string{
		"TEST-100 #time 2w 1d 4h 30m This is a time log comment": `0 TEST-100 time: "2w 1d 4h 30m This is a time log comment"`,
		"TEST-100 #time 4h 30m Fix null pointers #comment Fixed code #resolve": `
			0 TEST-100 time: "4h 30m Fix null pointers"
			1 TEST-100 comment: "Fixed code"
			2 TEST-100 transition: "resolve"`,
		"TEST-100 TEST-101 TEST-102 #resolve": `
			0 TEST-100 transition: "resolve"
			1 TEST-101 transition: "resolve"
			2 TEST-102 transition: "resolve"`,
		"TEST-100 TEST-101 TEST-102 #resolve #time 2d 4h #comment Fixed code": `
			0 TEST-100 transition: "resolve"
			1 TEST-101 transition: "resolve"
			2 TEST-102 transition: "resolve"
			3 TEST-100 time: "2d 4h"
			4 TEST-101 time: "2d 4h"
			5 TEST-102 time: "2d 4h"
			6 TEST-100 comment: "Fixed code"
			7 TEST-101 comment: "Fixed code"
			8 TEST-102 comment: "Fixed code"`,
		"TST-1 implemented feature 1\nTST-1 #comment some comment\nin Jira\non several lines\nTST-1 #resolve\nTST-2 #time 1h 30m": `
			0 TST-1 comment: "some comment\nin Jira\non several lines"
			1 TST-1 transition: "resolve"
			2 TST-2 time: "1h 30m"`,
		"TST-1 implemented feature 1\n#comment some comment\nin Jira on several lines\n#resolve TST-2\n#time 1h 30m": `
			0 TST-1 comment: "some comment\nin Jira on several lines"
			1 TST-1 transition: "resolve"
			2 TST-2 time: "1h 30m"`,
		"TEST-3 Background color of settings should be lighter\nTEST-3 #in-progress #time 1h\nTEST-4 resolve TEST-2 #resolve": `
			0 TEST-3 transition: "in-progress"
			1 TEST-3 time: "1h"
			2 TEST-4 transition: "resolve"
			3 TEST-2 transition: "resolve"`,
		"TEST-4 resolve TEST-2 #resolve":                    "0 TEST-4 transition: \"resolve\"\n1 TEST-2 transition: \"resolve\"",
		"GIT-1720 #close Closing ticket. #comment All done": "0 GIT-1720 transition: \"close Closing ticket.\"\n1 GIT-1720 comment: \"All done\"",
		"GIT-1925 #assign ada@example.com":                  `0 GIT-1925 assign: "ada@example.com"`,
		"GIT-1628 #fixversion 2.9.5 #fixversion 2.9.6":      "0 GIT-1628 fixversion: \"2.9.5\"\n1 GIT-1628 fixversion: \"2.9.6\"",
		"GIT-1582 #affectsversion 2.9.6":                    `0 GIT-1582 affectsversion: "2.9.6"`,
		"GIT-3 GIT-4 #label a b new-feature #comment Return": `
			0 GIT-3 label: "a b new-feature"
			1 GIT-4 label: "a b new-feature"
			2 GIT-3 comment: "Return"
			3 GIT-4 comment: "Return"`,
	} {
		holds(t, text, want)
	}
}

func TestWhatIsACommandAndWhatIsText(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "",
		"ACME-1 no command":      "",
		"#comment without a key": "",
		"#resolve\nACME-1 later": "",
		"ACME-1 fixes #12, C# and a#resolve, ##resolve, # resolve, #-x, #foo2 and #region.name": "",
		"UTF-8 #resolve":                                      "",
		"ACME-1 #COMMENT Loud":                                `0 ACME-1 comment: "Loud"`,
		"ACME-1 #Ready-For-Test now":                          `0 ACME-1 transition: "Ready-For-Test now"`,
		"ACME-1 #erledigt":                                    `0 ACME-1 transition: "erledigt"`,
		"ACME-1 #überprüft":                                   `0 ACME-1 transition: "überprüft"`,
		"ACME-1 #comment: with a colon":                       `0 ACME-1 comment: "with a colon"`,
		"ACME-1 #resolve, #comment x":                         "0 ACME-1 transition: \"resolve\"\n1 ACME-1 comment: \"x\"",
		"ACME-1 #resolve.":                                    `0 ACME-1 transition: "resolve"`,
		"OLD-7 #resolve":                                      `0 ACME-7 transition: "resolve"`,
		"OLD-7, ACME-7 #resolve":                              `0 ACME-7 transition: "resolve"`,
		"ACME-1: fix\n\n#resolve":                             `0 ACME-1 transition: "resolve"`,
		"[ACME-1] fix\r\n\r\n#resolve\r\n":                    `0 ACME-1 transition: "resolve"`,
		"ACME-1 first\nACME-2 #resolve":                       `0 ACME-2 transition: "resolve"`,
		"ACME-1 first\nACME-2 second\n\n#resolve":             `0 ACME-2 transition: "resolve"`,
		"ACME-1 #comment see ACME-2 for more\n#resolve":       "0 ACME-1 comment: \"see ACME-2 for more\"\n1 ACME-1 transition: \"resolve\"",
		"ACME-1 #comment as ACME-2\n#resolve":                 "0 ACME-1 comment: \"as ACME-2\"\n1 ACME-1 transition: \"resolve\"",
		"ACME-1 #comment as before ACME-2, ACME-3: #resolve":  "0 ACME-1 comment: \"as before\"\n1 ACME-2 transition: \"resolve\"\n2 ACME-3 transition: \"resolve\"",
		"ACME-1 #comment ACME-2":                              `0 ACME-1 comment: "ACME-2"`,
		"ACME-1 #comment ACME-2\nis the same":                 `0 ACME-1 comment: "ACME-2\nis the same"`,
		"ACME-1 #comment ACME-2\n\n#resolve":                  "0 ACME-1 comment: \"ACME-2\"\n1 ACME-1 transition: \"resolve\"",
		"ACME-1 #resolve\n\nThe body is no comment.":          `0 ACME-1 transition: "resolve"`,
		"ACME-1 #comment a\n\nSigned-off-by: Ada":             `0 ACME-1 comment: "a"`,
		"ACME-1 #comment a\nACME-2 was the other":             `0 ACME-1 comment: "a"`,
		"ACME-1 #comment a\n- ACME-2 #resolve":                "0 ACME-1 comment: \"a\"\n1 ACME-2 transition: \"resolve\"",
		"ACME-1 #label a b\nand more\n#assign ada":            "0 ACME-1 label: \"a b\"\n1 ACME-1 assign: \"ada\"",
		"ACME-1 #label ACME-2\n#resolve":                      "0 ACME-1 label: \"ACME-2\"\n1 ACME-1 transition: \"resolve\"",
		"ACME-1 #fixversion Release 2":                        `0 ACME-1 fixversion: "Release 2"`,
		"#comment lost ACME-1 #resolve":                       `0 ACME-1 transition: "resolve"`,
		"ACME-1 #comment 日本 #resolve\xff #comment":            "0 ACME-1 comment: \"日本 #resolve\\xff\"\n1 ACME-1 comment: \"\"",
		"ACME-1 #time 1h\nACME-2\n#time 2h":                   "0 ACME-1 time: \"1h\"\n1 ACME-2 time: \"2h\"",
		"ACME-1 #comment one\n  two  \n\tthree\nACME-1 #done": "0 ACME-1 comment: \"one\\ntwo\\nthree\"\n1 ACME-1 transition: \"done\"",
	} {
		holds(t, text, want)
	}
}

// holds checks the commands of a text; want has one a line, indented as the test's source is.
func holds(t *testing.T, text, want string) {
	t.Helper()
	var lines strings.Builder
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			lines.WriteString(line + "\n")
		}
	}
	if d := cmp.Diff(lines.String(), shown(Parse(text, rules(t)))); d != "" {
		t.Errorf("%q (-want +got):\n%s", text, d)
	}
}

func TestAnExcessiveTextGivesABoundedNumberOfCommands(t *testing.T) {
	text := strings.Repeat("ACME-1 ACME-2 ", 3) + strings.Repeat("#resolve ", 2000)
	if got := Parse(text, rules(t)); len(got) != maxCommands {
		t.Errorf("%d commands, want %d", len(got), maxCommands)
	}
}

func TestADurationIsWrittenAsJiraReadsIt(t *testing.T) {
	for text, want := range map[string]string{
		"1w 2d 4h 30m":          "1w 2d 4h 30m|",
		"1W 2D total":           "1w 2d|total",
		"4h30m both in one":     "4h 30m|both in one",
		"1.5h":                  "1.5h|",
		"2h  two  spaces":       "2h|two  spaces",
		"1h 30m\nthe next line": "1h 30m|the next line",
		"2h 30 minutes":         "2h|30 minutes",
	} {
		spent, comment, ok := Time(text)
		if got := spent + "|" + comment; !ok || got != want {
			t.Errorf("%q: %q, %t; want %q", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "no duration", "h", "1", "1.h", ".5h", "1s", "-1h", "1h30", "1234567h", "1.1234567h", "1h-2h", "1,5h"} {
		if spent, _, ok := Time(text); ok {
			t.Errorf("%q is taken for %q", text, spent)
		}
	}
}

func TestTheNameOfATransitionIsWrittenWithHyphens(t *testing.T) {
	for name, want := range map[string]string{
		"Start Progress": "start-progress", "In-Progress": "in-progress", "Done (QA)": "done-qa", "Überprüft": "überprüft", "2nd look": "nd-look", "": "",
	} {
		if got := Hyphenated(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	for text, want := range map[string][2]string{
		"resolve": {"resolve", ""}, "resolve all done\nat last": {"resolve", "all done\nat last"}, "": {"", ""}, "to-do\tx": {"to-do", "x"},
	} {
		if name, comment := Named(text); [2]string{name, comment} != want {
			t.Errorf("%q: %q, %q", text, name, comment)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"TEST-100 #time 4h 30m Fix #comment Fixed code #resolve", "TST-1 #comment some\nlines\n#resolve TST-2\n#time 1h", "#", "A-1 #\xff",
		"ACME-1 #label a\r\n\r\n#assign b", "ACME-1,ACME-2: #fixversion 1\n- ACME-3 #x",
	} {
		f.Add(text)
	}
	r := rules(f)
	f.Fuzz(func(t *testing.T, text string) {
		found := Parse(text, r)
		if again := Parse(text, r); !cmp.Equal(found, again) {
			t.Fatalf("read twice: %v and %v", found, again)
		}
		keys := r.Keys(text)
		for i, c := range found {
			if c.Index != i || strings.TrimSpace(c.Text) != c.Text {
				t.Fatalf("command %d is %+v", i, c)
			}
			if !strings.Contains(strings.Join(keys, " ")+" ", c.Key+" ") {
				t.Fatalf("%s is a key of a command and none of the text", c.Key)
			}
			Time(c.Text)
		}
		// What comes behind an empty line changes nothing of what stands before it.
		if more := Parse(text+"\n\nACME-99 #comment more", r); len(found) < maxCommands && !cmp.Equal(found, more[:min(len(found), len(more))]) && len(found) > 0 {
			t.Fatalf("a later paragraph changes %v to %v", found, more)
		}
	})
}
