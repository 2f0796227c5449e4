// Package devenv runs a real environment for tests and for development: real Kubernetes API servers, git over HTTP,
// Argo CD and pods that become Running, all as plain processes on 127.0.0.1.
//
// Options say what runs; the zero value is one API server, ready in about three seconds, which is what controller
// suites need. With two runtime clusters, git and Argo CD it is about eight seconds and 2 GiB of memory.
//
//	func TestMain(m *testing.M) { os.Exit(devenv.Main(m, devenv.Options{}, &env)) } // one for all tests of a package
//	env := devenv.ForTest(t, devenv.Options{Git: true})                            // one for a single test
//	env, err := devenv.Start(ctx, options); defer env.Stop()                       // BeforeSuite and AfterSuite
//	err := devenv.Run(ctx, options, func(ctx context.Context, env *devenv.Env) error { ... }) // commands; ends on Ctrl-C
//	err := devenv.Prepare(ctx, options)                                            // only builds the servers
//
// An Env holds env.Management, env.Cluster(name), env.Git and env.ArgoCD:
//
//   - Cluster: RESTConfig, Kubeconfig, KubeconfigFile, Apply and Kubectl; NewAccess and Revoke for credentials;
//     StopAPIServer, FreezeAPIServer, MoveAPIServer and ReplaceWithEmpty for trouble.
//   - gitserver.Server: CreateRepo, Write, Commit, URL, SetAccess, Fail, Counts.
//   - ArgoCD: Configure; Controller and RepoServer, which can be stopped, killed, frozen and started again.
//
// Contract. Every process of an environment ends with Stop, and on Linux also when this process is killed. Stop
// removes all data; after Keep it leaves the logs and says where they are. Environments of different test packages
// run side by side: ports are reserved machine-wide. Start and every method that waits are bounded in time, and
// their errors name the server that failed and show the end of its log.
//
// Limits. A cluster without controllers (the zero Options, Options.APIServers) never ends a namespace and collects no
// garbage; Options.ControllerManager changes that for the management cluster. Argo CD's application controller
// serves its metrics on every interface, because it has no flag for the address.
package devenv
