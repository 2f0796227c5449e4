// Package apis tests the API types on a real API server: every bound and every rule on both sides, what `kubectl get`
// shows, the guide's file as it stands, the admission policies, and that config/ installs.
package apis
