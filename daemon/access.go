package daemon

import (
	"errors"
	"fmt"
	"os"
	"reflect"

	"keytrail/daemon/config"
)

// access is the flags that say how repositories named on a command line are reached and read. The last word of most tags is
// kong's: it stands in --help for the value of the flag.
type access struct {
	Username     string         `help:"User name for an http(s) remote." placeholder:"NAME"`
	PasswordEnv  string         `help:"Environment variable that holds the password or token." placeholder:"VAR" xor:"secret"`
	PasswordFile string         `help:"File that holds the password or token." placeholder:"FILE" type:"path" xor:"secret"`
	TokenFile    string         `help:"File that holds a bearer token for an http(s) remote, instead of a user name and a password." placeholder:"FILE" type:"path" xor:"secret"`
	CA           string         `name:"ca" help:"File of certificates in PEM form to trust beside the system's." placeholder:"FILE" type:"path"`
	SSHKey       string         `name:"ssh-key" help:"Private key for an ssh remote; without one, the agent's and those in ~/.ssh." placeholder:"FILE" type:"path"`
	Passphrase   string         `name:"ssh-key-passphrase-file" help:"File that holds the passphrase of the private key." placeholder:"FILE" type:"path"`
	KnownHosts   string         `help:"Host keys of ssh servers; without one, ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts." placeholder:"FILE" type:"path"`
	Trust        []string       `help:"Directory below which repositories of other users are read in place; may be repeated." placeholder:"DIR" type:"path" sep:"none"`
	Engine       *config.Engine `help:"What fetches from remotes: native, keytrail's own client, or libgit2's." placeholder:"native|libgit2" enum:"native,libgit2"`
}

// isGiven tells whether any of the flags is there.
func (a *access) isGiven() bool { return !reflect.ValueOf(*a).IsZero() }

// apply makes the flags part of a configuration that came from a command line.
func (a *access) apply(c *config.Config) {
	c.CA = a.CA
	c.Local.Roots = a.Trust
	if a.Engine != nil {
		c.Fetch.Engine = *a.Engine
	}
}

// check finds out at once what cannot be read. It does not say what a flag holds: that may be the secret itself, by mistake.
func (a *access) check() error {
	if _, isSet := os.LookupEnv(a.PasswordEnv); a.PasswordEnv != "" && !isSet {
		return errors.New("--password-env: there is no environment variable of this name; it names the one that holds the password")
	}
	for flag, path := range map[string]string{
		"--password-file": a.PasswordFile, "--token-file": a.TokenFile, "--ssh-key": a.SSHKey, "--ssh-key-passphrase-file": a.Passphrase,
	} {
		if _, err := os.Stat(path); path != "" && err != nil {
			return fmt.Errorf("%s: there is no such file, or it may not be read; it names the file that holds the secret", flag)
		}
	}
	return nil
}

// credentials are those that the flags name.
func (a *access) credentials() (config.Credentials, error) {
	c := config.Credentials{Username: a.Username, KnownHosts: a.KnownHosts}
	switch {
	case a.PasswordEnv != "":
		c.Password = config.SecretFromEnv(a.PasswordEnv)
	case a.PasswordFile != "":
		c.Password = config.SecretFromFile(a.PasswordFile)
	case a.TokenFile != "":
		c.Token = config.SecretFromFile(a.TokenFile)
	}
	if a.SSHKey != "" {
		c.SSHKey = config.SecretFromFile(a.SSHKey)
	}
	if a.Passphrase != "" {
		c.SSHKeyPassphrase = config.SecretFromFile(a.Passphrase)
	}
	if !c.SSHKeyPassphrase.IsZero() && c.SSHKey.IsZero() {
		return c, errors.New("give --ssh-key together with --ssh-key-passphrase-file: the key that it opens")
	}
	if (c.Username == "") != c.Password.IsZero() {
		return c, errors.New("give --username together with --password-env or --password-file, or none of them")
	}
	return c, a.check()
}
