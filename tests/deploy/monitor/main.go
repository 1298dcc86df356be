// SPDX-License-Identifier: Apache-2.0

// Reads a ServiceMonitor as JSON, as the Prometheus operator's own types have it: a name that they do not know is an
// error. Ends with 0 when all is well.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
)

func main() {
	var monitor monitoring.ServiceMonitor
	decoder := json.NewDecoder(os.Stdin)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&monitor); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if len(monitor.Spec.Endpoints) == 0 || len(monitor.Spec.Selector.MatchLabels) == 0 {
		fmt.Fprintln(os.Stderr, "nothing is scraped")
		os.Exit(1)
	}
}
