package check

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	psapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// each runs a check with the least values and with all that the chart can.
func each(t *testing.T, check func(t *testing.T, objects []runtime.Object)) {
	t.Helper()
	for _, name := range []string{"minimal", "everything"} {
		t.Run(name, func(t *testing.T) { check(t, rendered(t, values(t, name))) })
	}
}

func values(t *testing.T, name string) map[string]any {
	t.Helper()
	all, err := Values(filepath.Join(Chart, "ci", name+"-values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func rendered(t *testing.T, values map[string]any) []runtime.Object {
	t.Helper()
	objects, err := Render(values)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// of are the objects of a kind.
func of[T runtime.Object](objects []runtime.Object) []T {
	var found []T
	for _, object := range objects {
		if o, ok := object.(T); ok {
			found = append(found, o)
		}
	}
	return found
}

// one is the only object of a kind.
func one[T runtime.Object](t *testing.T, objects []runtime.Object) T {
	t.Helper()
	found := of[T](objects)
	if len(found) != 1 {
		t.Fatalf("%d objects of the kind %T", len(found), *new(T))
	}
	return found[0]
}

// pods are the templates of all pods, by who makes them.
func pods(objects []runtime.Object) map[string]corev1.PodTemplateSpec {
	all := map[string]corev1.PodTemplateSpec{}
	for _, d := range of[*appsv1.Deployment](objects) {
		all["Deployment"] = d.Spec.Template
	}
	for _, j := range of[*batchv1.Job](objects) {
		all["Job"] = j.Spec.Template
	}
	return all
}

// Helm's own linter has nothing to say, not even a hint but for the icon that it wants.
func TestChartIsLinted(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"minimal", "everything"} {
		linted := lint.All(Chart, values(t, name), "portal", true)
		for _, m := range linted.Messages {
			if m.Severity != support.InfoSev || !strings.Contains(m.Err.Error(), "icon is recommended") {
				t.Errorf("%s: %s", name, m)
			}
		}
	}
}

// Kubernetes' own judgement of the strictest profile, as a namespace with
// pod-security.kubernetes.io/enforce=restricted would give it.
func TestPodsKeepTheRestrictedProfile(t *testing.T) {
	t.Parallel()
	judge, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	strictest := psapi.LevelVersion{Level: psapi.LevelRestricted, Version: psapi.LatestVersion()}
	each(t, func(t *testing.T, objects []runtime.Object) {
		all := pods(objects)
		if len(all) != 2 {
			t.Fatalf("%d kinds of pods", len(all))
		}
		for name, pod := range all {
			for _, result := range judge.EvaluatePod(strictest, &pod.ObjectMeta, &pod.Spec) {
				if !result.Allowed {
					t.Errorf("%s: %s: %s", name, result.ForbiddenReason, result.ForbiddenDetail)
				}
			}
		}
	})
}

// What the profile does not ask for and we do.
func TestPodsAreShutIn(t *testing.T) {
	t.Parallel()
	for _, want := range []struct {
		name  string
		holds func(corev1.PodSpec, corev1.Container) bool
	}{
		{"the user is a number that is not root", func(p corev1.PodSpec, _ corev1.Container) bool {
			return p.SecurityContext.RunAsUser != nil && *p.SecurityContext.RunAsUser == 65532 && *p.SecurityContext.RunAsNonRoot
		}},
		{"the root file system is read-only", func(_ corev1.PodSpec, c corev1.Container) bool {
			return c.SecurityContext.ReadOnlyRootFilesystem != nil && *c.SecurityContext.ReadOnlyRootFilesystem
		}},
		{"no privilege can be gained", func(_ corev1.PodSpec, c corev1.Container) bool {
			return !*c.SecurityContext.AllowPrivilegeEscalation && !*c.SecurityContext.Privileged
		}},
		{"every capability is dropped, none added", func(_ corev1.PodSpec, c corev1.Container) bool {
			caps := c.SecurityContext.Capabilities
			return slices.Equal(caps.Drop, []corev1.Capability{"ALL"}) && len(caps.Add) == 0
		}},
		{"system calls are filtered", func(p corev1.PodSpec, _ corev1.Container) bool {
			return p.SecurityContext.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault
		}},
		{"there is no token for Kubernetes", func(p corev1.PodSpec, _ corev1.Container) bool {
			return p.AutomountServiceAccountToken != nil && !*p.AutomountServiceAccountToken
		}},
		{"other services do not fill the environment", func(p corev1.PodSpec, _ corev1.Container) bool {
			return p.EnableServiceLinks != nil && !*p.EnableServiceLinks
		}},
		{"nothing of the node is shared", func(p corev1.PodSpec, _ corev1.Container) bool {
			for _, v := range p.Volumes {
				if v.HostPath != nil {
					return false
				}
			}
			return !p.HostNetwork && !p.HostPID && !p.HostIPC
		}},
		{"memory is bounded", func(_ corev1.PodSpec, c corev1.Container) bool {
			return !c.Resources.Limits.Memory().IsZero() && !c.Resources.Requests.Cpu().IsZero()
		}},
		{"no shell is needed", func(_ corev1.PodSpec, c corev1.Container) bool {
			return len(c.Command) == 0 && len(c.Args) == 1 && (c.LivenessProbe == nil || c.LivenessProbe.Exec == nil)
		}},
	} {
		t.Run(want.name, func(t *testing.T) {
			each(t, func(t *testing.T, objects []runtime.Object) {
				for name, pod := range pods(objects) {
					if len(pod.Spec.Containers) != 1 || len(pod.Spec.InitContainers) != 0 {
						t.Fatalf("%s: other containers than ours", name)
					}
					if !want.holds(pod.Spec, pod.Spec.Containers[0]) {
						t.Errorf("%s: not so", name)
					}
				}
			})
		})
	}
}

// Every KONTOR_ variable is a setting of the binary, plain ones in the open and secret ones by
// reference; what production refuses to start without is there.
func TestEnvironmentIsWhatTheBinaryKnows(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join(Chart, "settings.json"))
	if err != nil {
		t.Fatal(err)
	}
	var known struct{ Plain, Secret []string }
	if err := json.Unmarshal(content, &known); err != nil {
		t.Fatal(err)
	}
	needed := []string{"KONTOR_ADDR", "KONTOR_BASE_URL", "KONTOR_BLOB_URL", "KONTOR_DATABASE_URL", "KONTOR_ENV", "KONTOR_REDIS_URL", "KONTOR_SECRET", "KONTOR_SMTP_URL"}
	each(t, func(t *testing.T, objects []runtime.Object) {
		for name, pod := range pods(objects) {
			set := map[string]string{}
			for _, variable := range pod.Spec.Containers[0].Env {
				if _, twice := set[variable.Name]; twice {
					t.Errorf("%s sets %s twice", name, variable.Name)
				}
				set[variable.Name] = variable.Value
				if !strings.HasPrefix(variable.Name, "KONTOR_") {
					continue
				}
				byReference := variable.ValueFrom != nil && variable.ValueFrom.SecretKeyRef != nil
				switch {
				case slices.Contains(known.Secret, variable.Name) && !byReference:
					t.Errorf("%s has the secret %s in the open", name, variable.Name)
				case slices.Contains(known.Plain, variable.Name) == byReference:
					t.Errorf("%s sets %s, which the binary does not know as such", name, variable.Name)
				}
			}
			if name == "Job" {
				continue
			}
			for _, variable := range needed {
				if _, there := set[variable]; !there {
					t.Errorf("%s does not set %s", name, variable)
				}
			}
			if set["KONTOR_ENV"] != "production" {
				t.Errorf("%s runs in %q", name, set["KONTOR_ENV"])
			}
			// Helm takes whole numbers for fractions, and would write 2.5e+07.
			if budget, there := set["KONTOR_TENANT_BUDGET"]; there && (budget != "25000000" || set["KONTOR_INTROSPECTION"] != "false") {
				t.Errorf("%s has the budget %q and %q", name, budget, set["KONTOR_INTROSPECTION"])
			}
		}
		if len(of[*corev1.Secret](objects)) != 0 {
			t.Error("the chart makes Secrets: their values would be in the release")
		}
	})
}

// The role that owns the tables is the migration's alone.
func TestOwnerOnlyMigrates(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, objects []runtime.Object) {
		job := one[*batchv1.Job](t, objects)
		if job.Annotations["helm.sh/hook"] != "pre-install,pre-upgrade" {
			t.Errorf("the migration runs at %q", job.Annotations["helm.sh/hook"])
		}
		c := job.Spec.Template.Spec.Containers[0]
		if !slices.Equal(c.Args, []string{"migrate"}) || len(c.Env) != 1 || c.Env[0].ValueFrom.SecretKeyRef.Name != "kontor-owner" || len(c.EnvFrom) != 0 {
			t.Errorf("the migration: %v %v %v", c.Args, c.Env, c.EnvFrom)
		}
		// The hook comes before everything that the chart makes.
		if account := job.Spec.Template.Spec.ServiceAccountName; account != "" {
			t.Errorf("the migration needs the account %q, which is not there yet", account)
		}
		for _, variable := range one[*appsv1.Deployment](t, objects).Spec.Template.Spec.Containers[0].Env {
			if variable.ValueFrom != nil && variable.ValueFrom.SecretKeyRef.Name == "kontor-owner" {
				t.Errorf("a server has the owner's %s", variable.Name)
			}
		}
		if image := one[*appsv1.Deployment](t, objects).Spec.Template.Spec.Containers[0].Image; image != c.Image {
			t.Errorf("%s is migrated for and %s serves", c.Image, image)
		}
	})
}

// A replica that is replaced finishes what it began, and nobody is sent to one that cannot answer.
func TestReplicasAreReplacedWithoutLoss(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../server/config.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`drainTimeout\s+= (\d+) \* time\.Second`).FindSubmatch(source)
	if found == nil {
		t.Fatal("server/config.go does not say how long a server finishes requests")
	}
	seconds, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	drain := time.Duration(seconds) * time.Second
	each(t, func(t *testing.T, objects []runtime.Object) {
		d := one[*appsv1.Deployment](t, objects)
		pod, c := d.Spec.Template.Spec, d.Spec.Template.Spec.Containers[0]
		leave := time.Duration(c.Lifecycle.PreStop.Sleep.Seconds) * time.Second
		if grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second; leave < 3*time.Second || grace < leave+drain+5*time.Second {
			t.Errorf("%s until it is killed: %s to be forgotten, and the server takes up to %s", grace, leave, drain)
		}
		for name, probe := range map[string]struct {
			probe *corev1.Probe
			path  string
		}{"startup": {c.StartupProbe, "/healthz"}, "liveness": {c.LivenessProbe, "/healthz"}, "readiness": {c.ReadinessProbe, "/readyz"}} {
			if probe.probe == nil || probe.probe.HTTPGet == nil || probe.probe.HTTPGet.Path != probe.path || probe.probe.HTTPGet.Port.StrVal != "http" {
				t.Errorf("%s is asked by %v", name, probe.probe)
			}
		}
		// /readyz gives its dependencies two seconds: who asks has to wait longer, or hears nothing.
		if c.ReadinessProbe.TimeoutSeconds < 3 {
			t.Error("the readiness probe does not wait for the answer")
		}
		if r := d.Spec.Strategy.RollingUpdate; r.MaxUnavailable.IntValue() != 0 || r.MaxSurge.IntValue() < 1 {
			t.Errorf("an update takes replicas away before others are there: %v", r)
		}
		if b := one[*policyv1.PodDisruptionBudget](t, objects); b.Spec.MaxUnavailable.IntValue() != 1 || !selects(b.Spec.Selector, d) {
			t.Errorf("the disruption budget: %v", b.Spec)
		}
		if scalers := of[*autoscalingv2.HorizontalPodAutoscaler](objects); len(scalers) == 1 {
			if d.Spec.Replicas != nil || *scalers[0].Spec.MinReplicas < 2 || scalers[0].Spec.ScaleTargetRef.Name != d.Name {
				t.Errorf("two say how many replicas there are: %v and %v", d.Spec.Replicas, scalers[0].Spec)
			}
		} else if *d.Spec.Replicas < 2 {
			t.Errorf("%d replicas", *d.Spec.Replicas)
		}
	})
}

func selects(s *metav1.LabelSelector, d *appsv1.Deployment) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && !selector.Empty() && selector.Matches(labels.Set(d.Spec.Template.Labels))
}

// Services, policies and addresses lead to the servers, and only to what is for the public.
func TestWaysLeadToTheServers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, objects []runtime.Object) {
		d := one[*appsv1.Deployment](t, objects)
		service := one[*corev1.Service](t, objects)
		if len(service.Spec.Ports) != 1 || service.Spec.Ports[0].TargetPort.StrVal != "http" || !selects(&metav1.LabelSelector{MatchLabels: service.Spec.Selector}, d) {
			t.Errorf("the Service: %v", service.Spec)
		}
		if selects(&metav1.LabelSelector{MatchLabels: service.Spec.Selector}, &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Template: one[*batchv1.Job](t, objects).Spec.Template}}) {
			t.Error("the Service sends requests to the migration")
		}
		if account := one[*corev1.ServiceAccount](t, objects); account.Name != d.Spec.Template.Spec.ServiceAccountName || *account.AutomountServiceAccountToken {
			t.Errorf("the account: %v", account)
		}
		for _, ingress := range of[*networkingv1.Ingress](objects) {
			if len(ingress.Spec.TLS) != 1 || ingress.Spec.TLS[0].SecretName == "" || ingress.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name != service.Name {
				t.Errorf("the Ingress: %v", ingress.Spec)
			}
		}
		for _, p := range of[*networkingv1.NetworkPolicy](objects) {
			if !selects(&p.Spec.PodSelector, d) || len(p.Spec.PolicyTypes) != 2 || len(p.Spec.Ingress) != 2 {
				t.Errorf("the NetworkPolicy: %v", p.Spec)
			}
			for i, port := range []string{"http", "debug"} {
				if rule := p.Spec.Ingress[i]; len(rule.From) == 0 || len(rule.Ports) != 1 || rule.Ports[0].Port.StrVal != port {
					t.Errorf("who may come to %s: %v", port, rule)
				}
			}
		}
	})
	// A policy that names nobody lets nobody in, rather than everybody.
	shut := values(t, "everything")
	shut["networkPolicy"] = map[string]any{"enabled": true}
	if p := one[*networkingv1.NetworkPolicy](t, rendered(t, shut)); len(p.Spec.Ingress) != 0 || len(p.Spec.Egress) != 1 {
		t.Errorf("without peers: %v", p.Spec)
	}
}

// What is wrong or unsafe is refused before anything is sent to a cluster, with a word of what is wrong.
func TestValuesThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]struct {
		change func(map[string]any)
		says   string
	}{
		"no image":               {func(v map[string]any) { delete(at(v, "image"), "tag") }, "image"},
		"a tag that moves":       {func(v map[string]any) { at(v, "image")["tag"] = "latest" }, "tag"},
		"a digest that is none":  {func(v map[string]any) { at(v, "image")["digest"] = "sha256:abc" }, "digest"},
		"plain HTTP":             {func(v map[string]any) { at(v, "settings")["KONTOR_BASE_URL"] = "http://portal.example.com" }, "KONTOR_BASE_URL"},
		"no base URL":            {func(v map[string]any) { delete(at(v, "settings"), "KONTOR_BASE_URL") }, "KONTOR_BASE_URL"},
		"no store":               {func(v map[string]any) { delete(at(v, "settings"), "KONTOR_BLOB_URL") }, "blobs.existingClaim"},
		"two stores":             {func(v map[string]any) { v["blobs"] = map[string]any{"existingClaim": "x"} }, "choose one"},
		"a folder as store":      {func(v map[string]any) { at(v, "settings")["KONTOR_BLOB_URL"] = "file:///data" }, "KONTOR_BLOB_URL"},
		"a secret in the open":   {func(v map[string]any) { at(v, "settings")["KONTOR_SECRET"] = "x" }, "under secrets"},
		"a secret as text":       {func(v map[string]any) { at(v, "secrets")["KONTOR_SECRET"] = "x" }, "KONTOR_SECRET"},
		"a secret without a key": {func(v map[string]any) { at(v, "secrets")["KONTOR_SECRET"] = map[string]any{"name": "x"} }, "key"},
		"no secret":              {func(v map[string]any) { at(v, "secrets")["KONTOR_SECRET"] = nil }, "KONTOR_SECRET"},
		"no database":            {func(v map[string]any) { at(v, "secrets")["KONTOR_DATABASE_URL"] = nil }, "KONTOR_DATABASE_URL"},
		"a misspelt setting":     {func(v map[string]any) { at(v, "settings")["KONTOR_LOGLEVEL"] = "info" }, "no setting of Kontor"},
		"a misspelt secret":      {func(v map[string]any) { at(v, "secrets")["KONTOR_SECRETS"] = map[string]any{"name": "x", "key": "y"} }, "no secret setting"},
		"no production":          {func(v map[string]any) { at(v, "settings")["KONTOR_ENV"] = "development" }, "KONTOR_ENV"},
		"a setting as variable":  {func(v map[string]any) { v["environment"] = map[string]any{"KONTOR_ENV": "development"} }, "KONTOR_ENV"},
		"no owner":               {func(v map[string]any) { at(v, "migration")["databaseUrl"] = map[string]any{} }, "databaseUrl"},
		"Ingress without TLS":    {func(v map[string]any) { v["ingress"] = map[string]any{"enabled": true, "host": "x.example.com"} }, "tlsSecret"},
		"a misspelt value":       {func(v map[string]any) { v["replicaCount"] = 3 }, "replicaCount"},
	} {
		t.Run(name, func(t *testing.T) {
			v := values(t, "minimal")
			wrong.change(v)
			if _, err := Render(v); err == nil || !strings.Contains(err.Error(), wrong.says) {
				t.Errorf("got %v, which should speak of %s", err, wrong.says)
			}
		})
	}
}

func at(v map[string]any, key string) map[string]any { return v[key].(map[string]any) }
