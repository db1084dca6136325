//! The evaluation of alarms, each minute.

use chrono::{DateTime, TimeDelta, Utc};

use super::alarm::{Alarm, AlarmState};
use super::evaluation;
use crate::world::agenda::{Ticket, Transition};
use crate::world::history::Occurrence;
use crate::world::{ApiError, World};

/// An alarm and how it stands.
#[derive(Debug, Clone)]
pub(crate) struct WatchedAlarm {
    alarm: Alarm,
    state: AlarmState,
    /// The agenda's entry of its next evaluation.
    ticket: Option<Ticket>,
    /// When its actions were last invoked.
    invoked_at: Option<DateTime<Utc>>,
}

impl World {
    /// `PutMetricAlarm`. An alarm of this name is overwritten, and keeps its state.
    pub fn put_metric_alarm(&mut self, alarm: Alarm) -> Result<(), ApiError> {
        alarm.check()?;
        let name = alarm.name.clone();
        let state = self.alarm_state(&name).unwrap_or(AlarmState::InsufficientData);
        self.alarms.insert(name.clone(), WatchedAlarm { alarm, state, ticket: None, invoked_at: None });
        self.schedule_evaluation(&name);
        Ok(())
    }

    /// `DeleteAlarms`, of one.
    pub fn delete_alarm(&mut self, name: &str) {
        self.alarms.remove(name);
    }

    /// An alarm's state; none, if there is no such alarm.
    #[must_use]
    pub fn alarm_state(&self, name: &str) -> Option<AlarmState> {
        self.alarms.get(name).map(|watched| watched.state)
    }

    fn schedule_evaluation(&mut self, name: &str) {
        let Some(watched) = self.alarms.get_mut(name) else { return };
        let next = watched.alarm.next_evaluation(self.now);
        let evaluate = Transition::EvaluateAlarm { alarm: name.to_owned() };
        watched.ticket = Some(self.agenda.enter(next, evaluate));
    }

    pub(crate) fn evaluate_alarm(&mut self, name: &str, ticket: Ticket) {
        let Some(watched) = self.alarms.get(name).filter(|watched| watched.ticket == Some(ticket)) else {
            return;
        };
        let alarm = watched.alarm.clone();
        let values = self.data_points(&alarm);
        let breaches = |value: f64| alarm.comparison.breaches(value, alarm.threshold);
        let points: Vec<_> = values.iter().map(|value| value.map(breaches)).collect();
        let periods = usize::try_from(alarm.evaluation_periods).unwrap_or(usize::MAX);
        let to_alarm = alarm.datapoints_to_alarm.unwrap_or(alarm.evaluation_periods);
        let to_alarm = usize::try_from(to_alarm).unwrap_or(usize::MAX);
        let from = watched.state;
        let to = evaluation::state(&points, periods, to_alarm, alarm.treat_missing_data).unwrap_or(from);
        let now = self.now;
        let Some(watched) = self.alarms.get_mut(name) else { return };
        watched.state = to;
        // Actions are invoked on a change of state; those of Auto Scaling once more each minute
        // while the state lasts.
        let again = watched.invoked_at.is_none_or(|last| now - last >= TimeDelta::minutes(1));
        let invoked = from != to || again;
        if invoked {
            watched.invoked_at = Some(now);
        }
        self.schedule_evaluation(name);
        if from != to {
            self.record(Occurrence::AlarmState { alarm: name.to_owned(), from, to });
        }
        // The data points that decided, gaps left out.
        let recent = values.iter().rev().flatten().take(periods);
        let breaches: Vec<f64> = recent.map(|value| value - alarm.threshold).collect();
        for action in alarm.actions.iter().filter(|action| invoked && action.on == to) {
            self.execute_policy(&action.group, &action.policy, name, &breaches);
        }
    }

    /// The values of an alarm's evaluation range, oldest first: its evaluation periods, and a few
    /// more.
    fn data_points(&self, alarm: &Alarm) -> Vec<Option<f64>> {
        let range = alarm.evaluation_periods.saturating_add(alarm.extra_points);
        let Some(series) = self.metrics.series(&alarm.metric) else {
            return (0..range).map(|_| None).collect();
        };
        let end = alarm.last_period_end(self.now);
        let period = TimeDelta::seconds(i64::from(alarm.period_seconds));
        (1..=range)
            .rev()
            .map(|back| {
                let from = end - period * i32::try_from(back).unwrap_or(i32::MAX);
                series.statistic(alarm.statistic, from, alarm.period_seconds)
            })
            .collect()
    }
}
