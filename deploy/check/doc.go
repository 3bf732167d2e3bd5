// Package check lints and renders what operators deploy, without a cluster and without a container
// engine: the Helm chart with Helm's own packages and Kubernetes' own types, the Containerfile with
// BuildKit's own frontend. It is a module of its own, so that Kontor does not depend on all of that.
package check
