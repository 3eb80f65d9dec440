package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"keytrail/daemon/config"
	"keytrail/httpapi"
	"keytrail/indexer"
	"keytrail/indexer/discovery"
	"keytrail/indexer/issuekey"
	"keytrail/indexer/webhook"
	"keytrail/storage"
	"keytrail/storage/pebblestore"
)

type serveCommand struct {
	Config string `help:"Configuration file; read again on SIGHUP." placeholder:"FILE" type:"path"`
	Data   string `help:"Data directory, for a start without a configuration file." placeholder:"DIR" type:"path"`
	Listen string `help:"Address to answer on, instead of the configured one." placeholder:"ADDR"`
	access
	Refspec []string `help:"Refs to index beside heads, tags and notes, as +refs/pull/*:refs/pull/*." placeholder:"SPEC" sep:"none"`
	Repo    []string `arg:"" optional:"" help:"Repositories to index, by path or URL, beside those that the data directory knows."`
}

// Help is the text below the summary of serve.
func (serveCommand) Help() string {
	return `Either --config names everything, or --data and repositories on the command line do for a start:

    keytrail serve --data ./data https://git.example.com/acme/shop.git
    keytrail serve --config /etc/keytrail/keytrail.yaml

Then ask it: keytrail query --url http://127.0.0.1:8790 SHOP-1. Headers, a proxy other than the environment's, limits and
all else that has no flag is for the configuration file.

SIGTERM or SIGINT stops within ten seconds, a second one at once; SIGHUP reads the configuration again, and keeps the old
one if the new one is wrong.`
}

// drain is how long requests under way may take once the daemon has been told to stop.
const drain = 5 * time.Second

// Run runs the daemon until it is told to stop.
func (c *serveCommand) Run(ctx context.Context, p Process) error {
	settings, err := c.settings()
	if err != nil {
		return usageError{err}
	}
	log, err := newLog(p.Stderr, settings.Log)
	if err != nil {
		return usageError{err}
	}
	for _, w := range warnings(settings, machine()) {
		log.Warn().Msg(w)
	}
	transports := newTransports()
	defer transports.close()
	plan, err := newPlan(settings, transports)
	if err != nil {
		return usageError{err}
	}
	// Before the index is touched, so that an address in use is said at once.
	listener, err := net.Listen("tcp", settings.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", settings.Listen, err)
	}
	defer listener.Close()
	store, err := dataDir(settings.DataDir).open(log, p, memoryOf(settings.Limits))
	if err != nil {
		return err
	}
	d, err := newDaemon(c, settings, plan, store, transports, log)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	defer keepHeadroom()()
	err = d.run(ctx, listener, p)
	return errors.Join(err, d.indexer.Close(), store.Close())
}

// settings reads the configuration file, or makes a configuration of the command line.
func (c *serveCommand) settings() (*config.Config, error) {
	var settings *config.Config
	switch {
	case c.Config != "" && (c.Data != "" || len(c.Repo) > 0 || len(c.Refspec) > 0 || c.isGiven()):
		return nil, errors.New("give either --config, or --data and repositories with their flags: a configuration file names them all")
	case c.Config != "":
		var err error
		if settings, err = config.Load(c.Config, checks()); err != nil {
			return nil, err
		}
	case c.Data != "":
		settings = config.Default()
		settings.DataDir = c.Data
		settings.Refs.Other = c.Refspec
		settings.Log.Format = "console"
		c.apply(settings)
		if _, err := c.credentials(); err != nil {
			return nil, err
		}
	default:
		return nil, errors.New("give --config FILE, or --data DIR with the repositories to index")
	}
	if c.Listen != "" {
		settings.Listen = c.Listen
	}
	return settings, settings.CheckListen()
}

// daemon is the parts of a running keytrail.
type daemon struct {
	command    *serveCommand
	settings   *config.Config
	plan       plan
	store      *pebblestore.Store
	transports *transports
	log        zerolog.Logger
	indexer    *indexer.Indexer
	discoverer *discovery.Discoverer
	actions    *actions
	links      links
	receiver   *webhook.Receiver
	jira       *jiraSide
	api        *httpapi.Server
	rules      atomic.Pointer[issuekey.Rules]
	retention  atomic.Int64 // of the feed, in nanoseconds
	isReady    atomic.Bool
	reloads    *prometheus.GaugeVec
}

func newDaemon(c *serveCommand, settings *config.Config, p plan, store *pebblestore.Store, transports *transports, log zerolog.Logger) (*daemon, error) {
	registry := prometheus.NewRegistry()
	d := &daemon{
		command: c, settings: settings, plan: p, store: store, transports: transports, log: log,
		reloads: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "keytrail_config_last_reload_successful",
			Help: "Whether the configuration was taken over when it was last read: 1 or 0.",
		}, nil),
	}
	d.reloads.WithLabelValues().Set(1)
	d.rules.Store(p.rules)
	d.retention.Store(int64(settings.Feed.Retention))
	registry.MustRegister(buildInfo(), d.reloads, store.Collector(),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	d.indexer = indexer.New(indexer.Options{
		Store: store, Mirrors: dataDir(settings.DataDir).mirrors(), Rules: p.rules, Limits: p.limits,
		Log: log.With().Str("component", "indexer").Logger(), Registerer: registry,
	})
	d.discoverer = discovery.New(discovery.Options{
		Index: announcing{d.indexer, func(integration string) { d.receiver.Discovered(integration) }, renaming{
			store: store, log: log, names: d.integrationNames, forgottenAt: d.indexer.ForgottenAt,
		}}, Store: store,
		Log: log.With().Str("component", "discovery").Logger(), Registerer: registry,
	})
	d.receiver = webhook.New(webhook.Options{
		Index: d.indexer, Discoverer: d.discoverer, Log: log.With().Str("component", "webhooks").Logger(), Registerer: registry,
	})
	d.actions = &actions{indexer: d.indexer}
	d.actions.set(p)
	d.links.pages.Store(p.pages)
	var err error
	if d.jira, err = newJiraSide(d, registry); err != nil {
		return nil, err
	}
	d.api, err = newAPI(store, d.indexer, d.rules.Load, httpapi.Options{
		Differ: d.indexer, Actions: d.actions, BranchName: d.actions.name, Links: d.links.of, Discoverer: discoverer{d.discoverer, d.actions}, Webhooks: deliveries{d.receiver},
		Associations: store, Fetched: d.indexer, Releases: releaseNames(settings), RequestsPerToken: settings.Limits.Requests,
		ContextPath: settings.ContextPath, ShownCommands: d.shownCommands(),
		Ready: d.ready, Registerer: registry, Gatherer: registry, Tokens: p.tokens,
		Log: log.With().Str("component", "api").Logger(), Drain: drain,
	})
	return d, err
}

// integrationNames are those of the integrations that are discovered now.
func (d *daemon) integrationNames() []string {
	var names []string
	for _, s := range d.discoverer.States() {
		names = append(names, s.Name)
	}
	return names
}

// ready says whether the daemon does its job: it has begun, and it is not ending.
func (d *daemon) ready() error {
	if !d.isReady.Load() {
		return errors.New("starting or stopping")
	}
	return nil
}

// run answers and indexes until ctx ends.
func (d *daemon) run(ctx context.Context, l net.Listener, p Process) error {
	if err := d.beginJira(ctx); err != nil {
		return err
	}
	repositories, err := d.take(ctx, d.plan)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.api.Run(ctx, l) })
	g.Go(func() error { return d.indexer.Run(ctx) })
	g.Go(func() error { return d.discoverer.Run(ctx) })
	g.Go(func() error { return d.receiver.Run(ctx) })
	g.Go(func() error { return d.trimFeed(ctx) })
	d.runJira(ctx, g)
	g.Go(func() error { d.watchReloads(ctx, p); return nil })
	d.isReady.Store(true)
	d.log.Info().Str("listen", l.Addr().String()).Str("version", versionOf().Version).Int("repositories", repositories).Msg("keytrail is running")
	g.Go(func() error {
		<-ctx.Done()
		d.isReady.Store(false)
		d.log.Info().Msg("stopping")
		return nil
	})
	return g.Wait()
}

// take has the indexer and the discoverer look after the repositories and integrations of a plan, and gives the number of
// repositories that are known so far.
func (d *daemon) take(ctx context.Context, p plan) (repositories int, err error) {
	for _, in := range p.integrations {
		in.warn(d.log)
	}
	err = d.discoverer.Set(p.sources(), p.discovery, func() error {
		targets, isWhole, err := d.targets(ctx, p)
		if err != nil {
			return err
		}
		ids, err := d.indexer.SetTargets(ctx, targets, isWhole)
		repositories = len(ids)
		return err
	})
	if err == nil {
		d.receiver.Set(p.hooks())
	}
	return repositories, err
}

// targets are the repositories to begin with. A configuration file names all of them, its integrations among them; a command
// line adds to those that the index knows.
func (d *daemon) targets(ctx context.Context, p plan) (targets []indexer.Target, isWhole bool, err error) {
	if d.command.Config != "" {
		targets, err = p.knownTargets(ctx, d.store)
		return targets, true, err
	}
	known, err := registeredTargets(ctx, d.store, d.settings, d.transports)
	if err != nil {
		return nil, false, err
	}
	as, err := d.command.credentials()
	if err != nil {
		return nil, false, usageError{err}
	}
	named, err := namedTargets(d.command.Repo, d.settings, as, d.transports)
	if err != nil {
		return nil, false, err
	}
	return distinct(append(named, known...)), false, nil
}

// distinct drops targets whose identity came before.
func distinct(targets []indexer.Target) []indexer.Target {
	type identity struct{ integration, hostID string }
	seen := map[identity]bool{}
	var out []indexer.Target
	for _, t := range targets {
		id := identity{t.Spec.Integration, t.Spec.HostID}
		if !seen[id] {
			seen[id] = true
			out = append(out, t)
		}
	}
	return out
}

// watchReloads reads the configuration again whenever it is asked to, and takes over what was read of Jira's projects.
func (d *daemon) watchReloads(ctx context.Context, p Process) {
	for {
		d.followRenames(ctx)
		select {
		case <-ctx.Done():
			return
		case projects := <-d.jira.read:
			d.takeProjects(projects)
		case <-p.Reload:
			if err := d.reload(ctx); err != nil {
				d.reloads.WithLabelValues().Set(0)
				d.log.Error().Err(err).Msg("the new configuration is refused; the old one stays in force")
				continue
			}
			d.reloads.WithLabelValues().Set(1)
		}
	}
}

// reload takes a changed configuration over as a whole, or not at all.
func (d *daemon) reload(ctx context.Context) error {
	settings, err := d.command.settings()
	if err != nil {
		return err
	}
	if changed := d.settings.NeedsRestart(settings); len(changed) > 0 {
		return fmt.Errorf("a change of %v takes a restart", changed)
	}
	next, err := newPlan(settings, d.transports)
	if err != nil {
		return err
	}
	if d.jira.projects != nil {
		if next.rules, err = rulesWith(settings.IssueKeys, d.jira.projects); err != nil {
			return err
		}
	}
	next.goOnFrom(d.plan)
	repositories, err := d.take(ctx, next)
	if err != nil {
		return err
	}
	d.rules.Store(next.rules)
	d.actions.set(next)
	d.links.pages.Store(next.pages)
	d.indexer.SetRules(next.rules)
	d.indexer.SetLimits(next.limits)
	d.api.SetTokens(next.tokens)
	d.api.SetReleases(releaseNames(settings))
	d.api.SetRequestsPerToken(settings.Limits.Requests)
	d.retention.Store(int64(settings.Feed.Retention))
	d.settings, d.plan = settings, next
	d.log.Info().Int("repositories", repositories).Msg("configuration read again")
	return nil
}

var _ httpapi.Indexer = (*indexer.Indexer)(nil)
var _ httpapi.Differ = (*indexer.Indexer)(nil)
var _ httpapi.Fetched = (*indexer.Indexer)(nil)
var _ storage.Store = (*pebblestore.Store)(nil)
