// SPDX-License-Identifier: Apache-2.0

// MinIO's module for administrators, madmin-go, as `go get` gives it, against the server that AWS's environment
// variables name. Prints TAP.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/minio/madmin-go/v3"
)

var (
	ctx   = context.Background()
	adm   *madmin.AdminClient
	where *url.URL
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func equal(what string, got, want any) {
	if !reflect.DeepEqual(got, want) {
		panic(fmt.Sprintf("%s: expected %.300v, got %.300v", what, want, got))
	}
}

func fails(code string, err error) {
	if err == nil || madmin.ToErrorResponse(err).Code != code {
		panic(fmt.Sprintf("expected %s, got %v", code, err))
	}
}

func connect(key, secret string) *madmin.AdminClient {
	client := must(madmin.New(where.Host, key, secret, where.Scheme == "https"))
	if file := os.Getenv("AWS_CA_BUNDLE"); file != "" {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(must(os.ReadFile(file)))
		client.SetCustomTransport(&http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}})
	}
	return client
}

func information() {
	info := must(adm.ServerInfo(ctx))
	equal("mode", info.Mode, "online")
	equal("drives", len(info.Servers[0].Disks), 1)
	equal("backend", info.BackendType(), madmin.Erasure)
	storage := must(adm.StorageInfo(ctx))
	equal("disks", len(storage.Disks), 1)
	equal("type", storage.Backend.Type, madmin.Erasure)
	must(adm.DataUsageInfo(ctx))
	account := must(adm.AccountInfo(ctx, madmin.AccountOpts{}))
	equal("account", account.AccountName, os.Getenv("AWS_ACCESS_KEY_ID"))
}

func people() {
	check(adm.AddUser(ctx, "gopher", "secret-of-gopher"))
	check(adm.UpdateGroupMembers(ctx, madmin.GroupAddRemove{Group: "burrow", Members: []string{"gopher"}}))
	done := must(adm.AttachPolicy(ctx, madmin.PolicyAssociationReq{Policies: []string{"readonly"}, User: "gopher"}))
	equal("attached", done.PoliciesAttached, []string{"readonly"})
	_, err := adm.AttachPolicy(ctx, madmin.PolicyAssociationReq{Policies: []string{"readonly"}, User: "gopher"})
	fails("XMinioAdminPolicyChangeAlreadyApplied", err)
	user := must(adm.GetUserInfo(ctx, "gopher"))
	equal("user", []any{user.PolicyName, user.Status, user.MemberOf}, []any{"readonly", madmin.AccountEnabled, []string{"burrow"}})
	equal("listed", must(adm.ListUsers(ctx))["gopher"].PolicyName, "readonly")
	equal("group", must(adm.GetGroupDescription(ctx, "burrow")).Members, []string{"gopher"})
	check(adm.SetGroupStatus(ctx, "burrow", madmin.GroupDisabled))
	equal("status", must(adm.GetGroupDescription(ctx, "burrow")).Status, "disabled")
	found := must(adm.GetPolicyEntities(ctx, madmin.PolicyEntitiesQuery{Users: []string{"gopher"}}))
	equal("entities", found.UserMappings[0].Policies, []string{"readonly"})
	_, err = connect("gopher", "secret-of-gopher").ServerInfo(ctx)
	fails("AccessDenied", err)
	check(adm.RemoveUser(ctx, "gopher"))
	_, err = adm.GetUserInfo(ctx, "gopher")
	fails("XMinioAdminNoSuchUser", err)
	check(adm.UpdateGroupMembers(ctx, madmin.GroupAddRemove{Group: "burrow", IsRemove: true}))
}

func keys() {
	end := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["admin:ServerInfo"]}]}`
	made := must(adm.AddServiceAccount(ctx, madmin.AddServiceAccountReq{
		Name: "watch", Description: "of madmin", Expiration: &end, Policy: json.RawMessage(policy)}))
	info := must(adm.InfoServiceAccount(ctx, made.AccessKey))
	equal("key", []any{info.Name, info.Description, info.ImpliedPolicy, info.Expiration.UTC(), info.AccountStatus},
		[]any{"watch", "of madmin", false, end, "on"})
	bound := connect(made.AccessKey, made.SecretKey)
	must(bound.ServerInfo(ctx)) // of root's rights just this one
	_, err := bound.ListUsers(ctx)
	fails("AccessDenied", err)
	fails("AccessDenied", bound.AddUser(ctx, "escaped", "secret-of-escaped"))
	check(adm.UpdateServiceAccount(ctx, made.AccessKey, madmin.UpdateServiceAccountReq{NewStatus: "off"}))
	_, err = bound.ServerInfo(ctx)
	fails("InvalidAccessKeyId", err)
	check(adm.DeleteServiceAccount(ctx, made.AccessKey))
	_, err = adm.InfoServiceAccount(ctx, made.AccessKey)
	fails("XMinioInvalidIAMCredentials", err)
}

func policies() {
	text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]}]}`
	check(adm.AddCannedPolicy(ctx, "all-of-s3", []byte(text)))
	info := must(adm.InfoCannedPolicyV2(ctx, "all-of-s3"))
	equal("name", []any{info.PolicyName, info.CreateDate.IsZero()}, []any{"all-of-s3", false})
	if _, ok := must(adm.ListCannedPolicies(ctx))["all-of-s3"]; !ok {
		panic("it is not listed")
	}
	fails("MalformedPolicy", adm.AddCannedPolicy(ctx, "nonsense", []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Maybe"}]}`)))
	check(adm.RemoveCannedPolicy(ctx, "all-of-s3"))
	_, err := adm.InfoCannedPolicy(ctx, "all-of-s3")
	fails("XMinioAdminNoSuchPolicy", err)
}

func settings() {
	restart := must(adm.SetConfigKV(ctx, "pail idle_timeout=71"))
	equal("restart is wanted", restart, false)
	found := must(madmin.ParseServerConfigOutput(string(must(adm.GetConfigKV(ctx, "pail")))))
	value, _ := found[0].Lookup("idle_timeout")
	equal("value", value, "71")
	must(adm.DelConfigKV(ctx, "pail"))
	help := must(adm.HelpConfigKV(ctx, "pail", "idle_timeout", false))
	equal("help", len(help.KeysHelp), 1)
	_, err := adm.SetConfigKV(ctx, "pail idle_timeout=never")
	fails("XMinioConfigError", err)
}

func traces() {
	short, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	stream := adm.ServiceTrace(short, madmin.ServiceTraceOpts{Internal: true})
	go func() {
		for short.Err() == nil {
			_, _ = adm.ListGroups(short)
			time.Sleep(200 * time.Millisecond)
		}
	}()
	for one := range stream {
		check(one.Err)
		if one.Trace.FuncName == "internal.AdminListGroups" && one.Trace.HTTP.RespInfo.StatusCode == 200 {
			return
		}
	}
	panic("nothing was traced")
}

func samples() {
	var found []madmin.RealtimeMetrics
	check(adm.Metrics(ctx, madmin.MetricsOptions{N: 2, Interval: time.Second, ByHost: true, ByDisk: true},
		func(m madmin.RealtimeMetrics) { found = append(found, m) }))
	equal("samples", len(found), 2)
	last := found[1].Aggregated
	equal("final", found[1].Final, true)
	if last.Scanner == nil || last.Disk.NDisks != 1 || last.Mem.Info.Total == 0 || last.CPU.CPUCount == 0 || last.CPU.TimesStat.User == 0 {
		panic(fmt.Sprintf("%+v", last))
	}
	equal("one host", len(found[1].ByHost), 1)
}

func logs() {
	short, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for line := range adm.GetLogs(short, "", 5, "all") {
		check(line.Err)
		if line.ConsoleMsg != "" && line.LogKind != "" && line.DeploymentID == must(adm.ServerInfo(ctx)).DeploymentID {
			return
		}
	}
	panic("there was no line")
}

func heal() {
	start, _, err := adm.Heal(ctx, "", "", madmin.HealOpts{Recursive: true}, "", true, false)
	check(err)
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		_, status, err := adm.Heal(ctx, "", "", madmin.HealOpts{}, start.ClientToken, false, false)
		check(err)
		if status.Summary == "finished" {
			equal("settings", status.HealSettings.Recursive, true)
			_, _, err = adm.Heal(ctx, "", "", madmin.HealOpts{}, "no-such-token", false, false)
			fails("XMinioHealNoSuchProcess", err)
			state := must(adm.BackgroundHealStatus(ctx))
			equal("disks", len(state.Sets[0].Disks), 1)
			return
		}
	}
	panic("it does not end")
}

func encryption() {
	status := must(adm.KMSStatus(ctx))
	equal("status", []any{status.DefaultKeyID, status.State.KeyStoreReachable}, []any{"aws-s3", true})
	check(adm.CreateKey(ctx, "madmin-key"))
	fails("kms:KeyAlreadyExists", adm.CreateKey(ctx, "madmin-key"))
	key := must(adm.GetKeyStatus(ctx, "madmin-key"))
	equal("key", *key, madmin.KMSKeyStatus{KeyID: "madmin-key"})
	equal("listed", len(must(adm.ListKeys(ctx, "madmin-*"))), 1)
	_, err := adm.GetKeyStatus(ctx, "nowhere")
	fails("kms:KeyNotFound", err)
	must(adm.KMSVersion(ctx))
	_, err = adm.KMSMetrics(ctx)
	fails("NotImplemented", err)
}

func archives() {
	check(adm.AddUser(ctx, "archived", "secret-of-archived"))
	people := must(io.ReadAll(must(adm.ExportIAM(ctx))))
	check(adm.RemoveUser(ctx, "archived"))
	done := must(adm.ImportIAMV2(ctx, io.NopCloser(bytes.NewReader(people))))
	equal("failed", done.Failed, madmin.IAMErrEntities{})
	must(connect("archived", "secret-of-archived").AccountInfo(ctx, madmin.AccountOpts{}))
	check(adm.ImportIAM(ctx, io.NopCloser(bytes.NewReader(people))))
	check(adm.RemoveUser(ctx, "archived"))
	_, err := adm.ImportIAMV2(ctx, io.NopCloser(strings.NewReader("no archive")))
	fails("XMinioAdminBadArchive", err)
	buckets := must(io.ReadAll(must(adm.ExportBucketMetadata(ctx, ""))))
	must(adm.ImportBucketMetadata(ctx, "", io.NopCloser(bytes.NewReader(buckets))))
}

func history() {
	check(adm.ClearConfigHistoryKV(ctx, "all"))
	must(adm.SetConfigKV(ctx, "pail idle_timeout=72"))
	entries := must(adm.ListConfigHistoryKV(ctx, 10))
	equal("entries", []any{len(entries), entries[0].Data}, []any{1, "pail idle_timeout=72"})
	must(adm.DelConfigKV(ctx, "pail"))
	check(adm.RestoreConfigHistoryKV(ctx, entries[0].RestoreID))
	equal("restored", strings.Contains(string(must(adm.GetConfigKV(ctx, "pail"))), "idle_timeout=72"), true)
	must(adm.DelConfigKV(ctx, "pail"))
	check(adm.ClearConfigHistoryKV(ctx, "all"))
}

func others() {
	equal("providers", len(must(adm.ListIDPConfig(ctx, "openid"))), 0)
	_, err := adm.GetIDPConfig(ctx, "openid", "nobody")
	fails("XMinioAdminNoSuchConfigTarget", err)
	equal("locks", len(must(adm.TopLocks(ctx))), 0)
	equal("tiers", len(must(adm.ListTiers(ctx))), 0)
	_, err = adm.ListRemoteTargets(ctx, "no-such-bucket", "")
	check(err)
	check(adm.ServiceFreezeV2(ctx))
	check(adm.ServiceUnfreezeV2(ctx))
}

func main() {
	where = must(url.Parse(os.Getenv("AWS_ENDPOINT_URL")))
	adm = connect(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"))
	good := true
	for _, one := range []struct {
		name string
		run  func()
	}{{"information", information}, {"people", people}, {"keys", keys}, {"policies", policies}, {"settings", settings}, {"traces", traces},
		{"samples", samples}, {"logs", logs}, {"heal", heal}, {"encryption", encryption}, {"archives", archives},
		{"history", history}, {"others", others}} {
		func() {
			defer func() {
				if why := recover(); why != nil {
					good = false
					fmt.Printf("not ok - %s\n# %s\n", one.name, strings.ReplaceAll(fmt.Sprint(why), "\n", "\n# "))
				}
			}()
			one.run()
			fmt.Printf("ok - %s\n", one.name)
		}()
	}
	if !good {
		os.Exit(1)
	}
}
