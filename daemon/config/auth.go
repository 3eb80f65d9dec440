package config

import "slices"

// Auth says who may ask. The zero value, no tokens and not None, is for a loopback listener only.
type Auth struct {
	None   bool // `auth: none` was written down: anyone may ask
	Tokens []Token
}

// Token is a token that the API accepts, and what it opens.
type Token struct {
	Name         string // for logs, and for what is decided by hand
	Token        Secret
	Projects     []string // project keys; nil: all
	Integrations []string // names of integrations, NamedOneByOne for the repositories beside them; nil: all
	Access       Access
}

// NamedOneByOne stands among the integrations of a token for the repositories that are named one by one.
const NamedOneByOne = "repositories"

// Access says what may be done with a token.
type Access string

// What may be done.
const (
	AccessRead  Access = "read"
	AccessWrite Access = "write" // and read
)

func (a *Auth) read(v value) {
	if s, ok := v.text(); ok {
		if a.None = s == "none"; !a.None {
			v.fail("want none, or a mapping with tokens")
		}
		return
	}
	found := v.mapping(field{"tokens", a.readTokens})
	v.require(found, "tokens")
	if tokens, ok := found["tokens"]; ok && len(a.Tokens) == 0 {
		tokens.fail("no token: write one, or `auth: none` to let anyone ask")
	}
}

func (a *Auth) readTokens(v value) {
	names := make(unique)
	v.list(func(v value) {
		t := Token{Access: AccessWrite}
		found := v.mapping(
			field{"name", text(&t.Name, checkName, names.check)},
			field{"token", secret(&t.Token)},
			field{"projects", someTexts(&t.Projects, checkProject)},
			field{"integrations", someTexts(&t.Integrations, checkName)},
			field{"access", oneOf(&t.Access, AccessRead, AccessWrite)},
		)
		v.require(found, "name", "token")
		a.Tokens = append(a.Tokens, t)
	})
}

// someTexts reads a list of texts that is not empty: whoever writes an empty one may mean all, or none.
func someTexts(dst *[]string, checks ...func(string) error) func(value) {
	return func(v value) {
		texts(dst, checks...)(v)
		if len(*dst) == 0 {
			v.fail("names nothing: name at least one, or leave the key out for all")
		}
	}
}

// checkTokens holds what tokens open against the projects and integrations there are; auth is where they stand.
func (c *Config) checkTokens(auth value) {
	for _, t := range c.Auth.Tokens {
		for _, name := range t.Integrations {
			isThere := slices.ContainsFunc(c.Integrations, func(i Integration) bool { return i.Name == name })
			switch {
			case name == NamedOneByOne && isThere:
				auth.fail("token %q: integrations: %s stands for the repositories named one by one, and is an integration too: rename that",
					t.Name, NamedOneByOne)
			case name != NamedOneByOne && !isThere:
				auth.fail("token %q: integrations: there is no integration %q: name one, or write %s for the repositories named one by one",
					t.Name, name, NamedOneByOne)
			}
		}
		for _, project := range t.Projects {
			if present, isFormer := c.IssueKeys.Aliases[project]; isFormer {
				auth.fail("token %q: projects: %s is called %s now: write that", t.Name, project, present)
			}
		}
	}
}
