//! The emulator: Lambda, SNS, EventBridge, CloudWatch with its logs, SQS and CloudFormation.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::Error;
use crate::http::{self, ACCOUNT, Answer, REGION, unsigned};
use crate::process::{Server, free_port};
use crate::repository::tool;

/// A running emulator.
#[derive(Debug)]
pub struct Ministack {
    url: String,
    server: Server,
}

impl Ministack {
    /// Starts an emulator of its own, on a free port of 127.0.0.1.
    pub fn start() -> Result<Self, Error> {
        let port = free_port()?;
        let url = format!("http://127.0.0.1:{port}");
        let mut command = Command::new(tool("ministack")?);
        command
            // By default it binds to all addresses, for these two services in any case.
            .env("BIND_HOST", "127.0.0.1")
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFTP_ENABLED", "0")
            .env("GATEWAY_PORT", port.to_string())
            .env("MINISTACK_ACCOUNT_ID", ACCOUNT);
        let server =
            Server::start("ministack", command, || http::answers(&format!("{url}/_ministack/ready")))?;
        Ok(Self { url, server })
    }

    /// Its endpoint.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The emulator's output.
    #[must_use]
    pub fn output(&self) -> String {
        self.server.output()
    }

    /// SNS `Publish`, as Auto Scaling does it.
    pub fn publish(&self, topic_arn: &str, subject: Option<&str>, message: &str) -> Result<(), Error> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", "Publish").append_pair("Version", "2010-03-31");
        form.append_pair("TopicArn", topic_arn).append_pair("Message", message);
        if let Some(subject) = subject {
            form.append_pair("Subject", subject);
        }
        let headers =
            [("content-type", "application/x-www-form-urlencoded"), ("authorization", &*unsigned("sns"))];
        http::post(&self.url, &headers, &form.finish())?.ok("sns:Publish")?;
        Ok(())
    }

    /// Lambda `Invoke`, waiting for the function's answer.
    pub fn invoke(&self, function: &str, event: &Value) -> Result<Answer, Error> {
        self.invoke_as("RequestResponse", function, event)
    }

    /// Lambda `Invoke` as EventBridge and SNS do it: queued, and retried.
    pub fn invoke_later(&self, function: &str, event: &Value) -> Result<(), Error> {
        self.invoke_as("Event", function, event)?.ok("lambda:Invoke")?;
        Ok(())
    }

    fn invoke_as(&self, kind: &str, function: &str, event: &Value) -> Result<Answer, Error> {
        let url = format!("{}/2015-03-31/functions/{function}/invocations", self.url);
        let authorization = unsigned("lambda");
        let headers = [("x-amz-invocation-type", kind), ("authorization", &authorization)];
        http::post(&url, &headers, &event.to_string())
    }

    /// The values of a metric that `GetMetricData` returns for the last five minutes, oldest first.
    pub fn metric(
        &self,
        namespace: &str,
        name: &str,
        dimensions: &[(&str, &str)],
    ) -> Result<Vec<f64>, Error> {
        let now = chrono::Utc::now().timestamp();
        self.metric_statistic((namespace, name, dimensions), "Minimum", (now - 300, now + 60), 1)
    }

    /// A metric's statistic in each period, in seconds, between two times in seconds since 1970.
    pub fn metric_statistic(
        &self,
        (namespace, name, dimensions): (&str, &str, &[(&str, &str)]),
        statistic: &str,
        (from, until): (i64, i64),
        period: u32,
    ) -> Result<Vec<f64>, Error> {
        let dimensions: Vec<_> =
            dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
        let metric = json!({"Namespace": namespace, "MetricName": name, "Dimensions": dimensions});
        let query = json!({
            "StartTime": from,
            "EndTime": until,
            "MetricDataQueries":
                [{"Id": "q", "MetricStat": {"Metric": metric, "Period": period, "Stat": statistic}}],
        });
        let answer = self.json("monitoring", "GraniteServiceVersion20100801.GetMetricData", &query)?;
        let values = answer.pointer("/MetricDataResults/0/Values").and_then(Value::as_array);
        Ok(values.into_iter().flatten().filter_map(Value::as_f64).collect())
    }

    /// An alarm's state.
    pub fn alarm_state(&self, alarm: &str) -> Result<String, Error> {
        let query = json!({"AlarmNames": [alarm]});
        let answer = self.json("monitoring", "GraniteServiceVersion20100801.DescribeAlarms", &query)?;
        let state = answer.pointer("/MetricAlarms/0/StateValue").and_then(Value::as_str);
        state.map(str::to_owned).ok_or_else(|| format!("there is no alarm {alarm}").into())
    }

    /// Returns whether an event matches a rule's pattern.
    pub fn pattern_matches(&self, rule: &str, event: &Value) -> Result<bool, Error> {
        let rule = self.json("events", "AWSEvents.DescribeRule", &json!({"Name": rule}))?;
        let query = json!({"EventPattern": rule.get("EventPattern"), "Event": event.to_string()});
        let answer = self.json("events", "AWSEvents.TestEventPattern", &query)?;
        Ok(answer.get("Result") == Some(&json!(true)))
    }

    /// The messages of a queue.
    pub fn queue_messages(&self, queue_url: &str) -> Result<Vec<Value>, Error> {
        let query = json!({"QueueUrl": queue_url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0});
        let answer = self.json("sqs", "AmazonSQS.ReceiveMessage", &query)?;
        let messages = answer.get("Messages").and_then(Value::as_array);
        let bodies = messages.into_iter().flatten().filter_map(|message| message.get("Body")?.as_str());
        bodies.map(|body| Ok(serde_json::from_str(body)?)).collect()
    }

    /// A function's log lines, those that are JSON. They are there once their invocation has ended.
    pub fn log_lines(&self, log_group: &str) -> Result<Vec<Value>, Error> {
        let mut lines = Vec::new();
        let mut seen = BTreeSet::new();
        let mut page = Some(json!({"logGroupName": log_group}));
        while let Some(query) = page {
            let answer = self.json("logs", "Logs_20140328.FilterLogEvents", &query)?;
            for event in answer.get("events").and_then(Value::as_array).into_iter().flatten() {
                let text = |field| event.get(field).and_then(Value::as_str).unwrap_or_default();
                let (stream, message) = (text("logStreamName"), text("message"));
                if let Ok(line @ Value::Object(_)) = serde_json::from_str::<Value>(message)
                    && seen.insert((stream.to_owned(), message.to_owned()))
                {
                    lines.push(line);
                }
            }
            let next = answer.get("nextToken").filter(|token| !token.is_null());
            page = next.map(|token| json!({"logGroupName": log_group, "nextToken": token}));
        }
        Ok(lines)
    }

    /// A call in AWS JSON.
    pub fn json(&self, service: &str, target: &str, query: &Value) -> Result<Value, Error> {
        let authorization = unsigned(service);
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", target),
            ("authorization", &authorization),
        ];
        http::post(&self.url, &headers, &query.to_string())?.json(target)
    }

    /// Variables with which a function's SDK reaches the emulator.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.url.clone()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", ACCOUNT.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "none".to_owned()),
        ]
    }
}
