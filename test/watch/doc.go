// Package watch tries what a platform team watches the operator with: alerts, their runbook, and dashboards. The alerts
// and the dashboards meet a real Prometheus in a story of test/e2e.
package watch
