package daemon

import (
	"context"
	"fmt"

	"keytrail/daemon/config"
	"keytrail/indexer/host"
	"keytrail/indexer/host/azuredevops"
	"keytrail/indexer/host/bitbucket"
	"keytrail/indexer/host/codecommit"
	"keytrail/indexer/host/folder"
	"keytrail/indexer/host/gerrit"
	"keytrail/indexer/host/gitea"
	"keytrail/indexer/host/github"
	"keytrail/indexer/host/gitlab"
)

// newHost makes the host of an integration. A new kind of host is a line here and its keys in package config.
func newHost(i config.Integration, c host.Config) (host.Host, error) {
	kinds := map[string]func(host.Config) (host.Host, error){
		config.TypeAzureDevOps:       azuredevops.New,
		config.TypeAzureDevOpsServer: azuredevops.NewServer,
		config.TypeBitbucketServer:   bitbucket.New,
		config.TypeCodeCommit:        codecommit.New,
		config.TypeFolder:            folder.New,
		config.TypeGerrit:            gerrit.New,
		config.TypeGitea:             gitea.New,
		config.TypeGitHub:            github.New,
		config.TypeGitHubApp:         github.NewApp,
		config.TypeGitLab:            gitlab.New,
	}
	make, ok := kinds[i.Type]
	if !ok {
		return nil, fmt.Errorf("this keytrail has no host of type %q; name its repositories one by one under repositories", i.Type)
	}
	return make(c)
}

// hostConfig is what a host is told of its integration.
func hostConfig(i config.Integration, t *transports) (host.Config, error) {
	transport, err := t.to(i.Reach)
	if err != nil {
		return host.Config{}, err
	}
	return host.Config{
		Name:      i.Name,
		URL:       i.URL,
		API:       i.API,
		Origins:   i.Origins,
		Transport: transport,

		Username: i.Username,
		Password: secretOf(i.Password),
		Token:    secretOf(i.Token),
		Headers:  headers(i.Credentials),

		Organisation: i.Organisation,
		APIPath:      i.APIPath,
		Region:       i.Region,

		AppID:          i.AppID,
		InstallationID: int64(i.InstallationID),
		PrivateKey:     secretOf(i.PrivateKey),

		Path:  i.Path,
		Depth: i.Depth,

		HookSecret:   secretOf(i.Webhook.Secret),
		HookUsername: i.Webhook.Username,
	}, nil
}

// secretOf reads a secret at each use; nil when none is configured.
func secretOf(s config.Secret) host.Secret {
	if s.IsZero() {
		return nil
	}
	return func(context.Context) (string, error) { return s.Value() }
}
