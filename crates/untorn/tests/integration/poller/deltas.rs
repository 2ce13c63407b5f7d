//! Sources of changes: each answer is one commit, and the position advances with it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use untorn::poller::{
    Delta, DeltaSource, FailureKind, FetchedAfter, PollerBuilder, RefreshError, ResumeToken,
};
use untorn::{Map, Poller, Revision};

use super::support::{HOUR, LONG, wait_for_polls};

type Deltas = Vec<Delta<u32, u32>>;
type Contents = Vec<(u32, u32)>;
type Answer = Box<dyn FnOnce(Option<u64>) -> Result<FetchedAfter<Contents, Deltas>, String> + Send>;

/// A source with an answer for each fetch, which gets the token of the fetch.
struct Scripted(Arc<Mutex<VecDeque<Answer>>>);

impl DeltaSource for Scripted {
    type Contents = Contents;
    type Deltas = Deltas;
    type Error = String;

    fn fetch_after(
        &mut self,
        token: Option<&ResumeToken>,
    ) -> Result<FetchedAfter<Contents, Deltas>, String> {
        let answer = self.0.lock().expect("not poisoned").pop_front();
        answer.expect("an answer")(token.and_then(ResumeToken::to_u64))
    }

    /// No retry takes the answers of the test's next poll.
    fn wanted_delay(&self) -> Option<Duration> {
        Some(HOUR)
    }
}

struct Polled {
    config: Arc<Map<u32, u32>>,
    poller: Poller,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

/// Starts a poller whose first answer is these contents, at position 1.
fn polled(
    first: Contents,
    configure: impl FnOnce(PollerBuilder<Scripted>) -> PollerBuilder<Scripted>,
) -> Polled {
    let answers = Arc::new(Mutex::new(VecDeque::new()));
    answers
        .lock()
        .expect("not poisoned")
        .push_back(contents(first, Some(1)));
    let config = Arc::new(Map::new());
    let builder = Poller::every(HOUR, Scripted(Arc::clone(&answers)));
    let builder = configure(builder.min_gap(Duration::ZERO));
    let poller = builder.start(&config).expect("a thread");
    poller.wait_until_fresh(LONG).expect("the first contents");
    Polled {
        config,
        poller,
        answers,
    }
}

impl Polled {
    /// Polls with these answers.
    fn poll(
        &self,
        answers: impl IntoIterator<Item = Answer>,
    ) -> Result<(usize, usize, usize), RefreshError> {
        self.answers.lock().expect("not poisoned").extend(answers);
        self.poller.refresh_now(LONG)?;
        assert!(self.answers.lock().expect("not poisoned").is_empty());
        let done = self.poller.status().last_success.expect("one").refreshed;
        Ok((done.added, done.changed, done.removed))
    }

    fn fails(&self, answers: impl IntoIterator<Item = Answer>) -> FailureKind {
        match self.poll(answers) {
            Err(RefreshError::Failed(failure)) => failure.kind,
            other => panic!("{other:?}"),
        }
    }

    fn position(&self) -> Option<u64> {
        self.poller.status().resume_token?.to_u64()
    }

    fn entries(&self) -> Contents {
        let mut entries: Contents = self.config.pin().iter().map(|(&k, &v)| (k, v)).collect();
        entries.sort_unstable();
        entries
    }
}

fn contents(contents: Contents, position: Option<u64>) -> Answer {
    let token = position.map(ResumeToken::from);
    Box::new(|_| Ok(FetchedAfter::Contents { contents, token }))
}

/// Deltas from one position to another.
fn deltas(deltas: Deltas, from: u64, to: u64) -> Answer {
    Box::new(move |token| {
        assert_eq!(token, Some(from), "the position of the last commit");
        let token = to.into();
        Ok(FetchedAfter::Deltas { deltas, token })
    })
}

use Delta::{Delete, Put};

#[test]
fn deltas_of_an_answer_are_one_commit() {
    let polled = polled(vec![(1, 1), (2, 2)], |builder| builder);
    let before = polled.config.revision();
    let changes = vec![Put(1, 10), Put(3, 3), Delete(2), Delete(9)];
    assert_eq!(polled.poll([deltas(changes, 1, 2)]), Ok((1, 1, 1)));
    assert_eq!(polled.config.revision(), before.next());
    assert_eq!(polled.entries(), [(1, 10), (3, 3)]);
    assert_eq!(polled.position(), Some(2));
    // Equal values and absent keys make no revision, but the position advances.
    let nothing = vec![Put(1, 10), Delete(9)];
    assert_eq!(polled.poll([deltas(nothing, 2, 3)]), Ok((0, 0, 0)));
    assert_eq!(polled.poll([deltas(vec![], 3, 4)]), Ok((0, 0, 0)));
    assert_eq!(polled.config.revision(), before.next());
    let unchanged: Answer = Box::new(|_| Ok(FetchedAfter::Unchanged));
    assert_eq!(polled.poll([unchanged]), Ok((0, 0, 0)));
    assert_eq!(polled.position(), Some(4));
}

#[test]
fn last_delta_of_a_key_is_applied() {
    let polled = polled(vec![(1, 1), (2, 2)], |builder| builder.max_removed(0.0));
    let changes = vec![
        Delete(1),
        Put(1, 5),
        Put(3, 1),
        Put(3, 2),
        Put(4, 4),
        Delete(4),
        Delete(2),
        Put(2, 2),
    ];
    assert_eq!(polled.poll([deltas(changes, 1, 2)]), Ok((1, 1, 0)));
    assert_eq!(polled.entries(), [(1, 5), (2, 2), (3, 2)]);
}

#[test]
fn entries_of_other_writers_stay() {
    let polled = polled(vec![(1, 1)], |builder| builder);
    polled.config.insert(7, 7);
    assert_eq!(polled.poll([deltas(vec![Put(2, 2)], 1, 2)]), Ok((1, 0, 0)));
    assert_eq!(polled.entries(), [(1, 1), (2, 2), (7, 7)]);
    assert_eq!(polled.poll([contents(vec![(1, 1)], None)]), Ok((0, 0, 2)));
}

#[test]
fn gap_asks_for_all_contents_at_once() {
    let polled = polled(vec![(1, 1), (2, 2)], |builder| builder);
    let gap = || -> Answer { Box::new(|_| Ok(FetchedAfter::Gap)) };
    let again: Answer = Box::new(|token| {
        assert_eq!(token, None);
        contents(vec![(2, 3)], Some(9))(token)
    });
    assert_eq!(polled.poll([gap(), again]), Ok((0, 1, 1)));
    assert_eq!(polled.position(), Some(9));
    // The position is lost although the second fetch fails.
    let error: Answer = Box::new(|token| {
        assert_eq!(token, None);
        Err("down".into())
    });
    assert_eq!(polled.fails([gap(), error]), FailureKind::Error);
    assert_eq!((polled.position(), polled.entries()), (None, vec![(2, 3)]));
    // A source must answer with contents then.
    assert_eq!(polled.fails([gap()]), FailureKind::Error);
    let orphan: Answer = Box::new(|_| {
        Ok(FetchedAfter::Deltas {
            deltas: vec![],
            token: 1.into(),
        })
    });
    assert_eq!(polled.fails([orphan]), FailureKind::Error);
    let failure = polled.poller.status().last_failure.expect("one");
    let start = "the source returned deltas when it was asked for all contents";
    assert!(failure.message.starts_with(start), "{failure}");
    assert_eq!(
        polled.poll([contents(vec![(2, 3)], Some(1))]),
        Ok((0, 0, 0))
    );
}

#[test]
fn failed_poll_keeps_the_position() {
    let polled = polled(vec![(1, 1)], |builder| builder);
    let error: Answer = Box::new(|_| Err("down".into()));
    let panic: Answer = Box::new(|_| panic!("at once"));
    for (answer, kind) in [(error, FailureKind::Error), (panic, FailureKind::Panic)] {
        assert_eq!(polled.fails([answer]), kind);
        assert_eq!(polled.position(), Some(1));
    }
    let change = || deltas(vec![Put(2, 2)], 1, 2);
    assert_eq!(polled.poll([change()]), Ok((1, 0, 0)));
}

#[test]
fn refused_deltas_are_fetched_again() {
    let polled = polled(vec![(1, 1), (2, 2)], |builder| builder);
    let all = || deltas(vec![Delete(1), Delete(2)], 1, 2);
    for _ in 0..2 {
        let refused = polled.fails([all()]);
        assert!(matches!(refused, FailureKind::Refused(_)), "{refused:?}");
        assert_eq!((polled.position(), polled.config.len()), (Some(1), 2));
    }
    polled
        .answers
        .lock()
        .expect("not poisoned")
        .push_back(all());
    polled.poller.accept_next();
    polled
        .poller
        .wait_until_fresh(LONG)
        .expect("it is accepted");
    assert_eq!((polled.position(), polled.config.len()), (Some(2), 0));
}

#[test]
fn stored_position_is_resumed() {
    let answers: VecDeque<Answer> = VecDeque::from([deltas(vec![Put(2, 2)], 41, 42)]);
    let config = Arc::new(Map::from([(1, 1)]));
    let poller = Poller::every(HOUR, Scripted(Arc::new(Mutex::new(answers))))
        .resume_from(ResumeToken::from(41))
        .start(&config)
        .expect("a thread");
    assert_eq!(poller.wait_until_fresh(LONG), Ok(Revision::from(1)));
    assert_eq!((config.get(&1), config.get(&2)), (Some(1), Some(2)));
}

/// A server with a history of changes, of which it has discarded a part.
struct Server {
    history: Deltas,
    discarded: usize,
    rng: Rng,
}

impl Server {
    /// Returns the state after this many changes.
    fn state(&self, position: usize) -> BTreeMap<u32, u32> {
        let mut state = BTreeMap::new();
        for delta in &self.history[..position] {
            match *delta {
                Put(key, value) => _ = state.insert(key, value),
                Delete(key) => _ = state.remove(&key),
            }
        }
        state
    }

    fn change(&mut self) {
        for _ in 0..self.rng.usize(0..20) {
            let key = self.rng.u32(0..30);
            let delta = match self.rng.bool() {
                true => Put(key, self.rng.u32(0..3)),
                false => Delete(key),
            };
            self.history.push(delta);
        }
        if self.rng.u32(0..5) == 0 {
            self.discarded = self.rng.usize(self.discarded..=self.history.len());
        }
    }
}

/// Entries that panic halfway.
struct Entries<T>(std::vec::IntoIter<T>, Option<usize>);

impl<T> Iterator for Entries<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if let Some(left) = &mut self.1 {
            *left = left.checked_sub(1).expect("entries left");
        }
        self.0.next()
    }
}

#[derive(Clone)]
struct Client(Arc<Mutex<Server>>);

impl DeltaSource for Client {
    type Contents = Entries<(u32, u32)>;
    type Deltas = Entries<Delta<u32, u32>>;
    type Error = &'static str;

    fn fetch_after(
        &mut self,
        token: Option<&ResumeToken>,
    ) -> Result<FetchedAfter<Self::Contents, Self::Deltas>, &'static str> {
        // A panic below must not poison the test's lock.
        let (fault, answer) = {
            let mut server = self.0.lock().expect("not poisoned");
            let fault = server.rng.u32(0..12);
            let panics = (fault == 2).then(|| server.rng.usize(0..5));
            let position = token.and_then(ResumeToken::to_u64).map(|n| n as usize);
            let now = server.history.len();
            let answer = match position {
                Some(position) if position == now && fault == 3 => FetchedAfter::Unchanged,
                Some(position) if position >= server.discarded && fault != 4 => {
                    let to = server.rng.usize(position..=now);
                    let changes = server.history[position..to].to_vec();
                    FetchedAfter::Deltas {
                        deltas: Entries(changes.into_iter(), panics),
                        token: ResumeToken::from(to as u64),
                    }
                }
                Some(_) if fault != 5 => FetchedAfter::Gap,
                _ => {
                    let state: Vec<_> = server.state(now).into_iter().collect();
                    FetchedAfter::Contents {
                        contents: Entries(state.into_iter(), panics),
                        token: Some(ResumeToken::from(now as u64)),
                    }
                }
            };
            (fault, answer)
        };
        match fault {
            0 => Err("down"),
            1 => panic!("in the source"),
            _ => Ok(answer),
        }
    }

    /// No retry changes the map between a poll of the test and its checks.
    fn wanted_delay(&self) -> Option<Duration> {
        Some(HOUR)
    }
}

#[test]
fn random_histories_agree_with_a_model() {
    for seed in 0..40 {
        let server = Arc::new(Mutex::new(Server {
            history: Vec::new(),
            discarded: 0,
            rng: Rng::with_seed(seed),
        }));
        let config = Arc::new(Map::new());
        let poller = Poller::every(HOUR, Client(Arc::clone(&server)))
            .min_gap(Duration::ZERO)
            .allow_empty()
            .start(&config)
            .expect("a thread");
        wait_for_polls(&poller, 1);
        let state = || {
            let token = poller
                .status()
                .resume_token
                .and_then(|token| token.to_u64());
            let entries = config.pin().iter().map(|(&k, &v)| (k, v)).collect();
            (entries, token.map(|position| position as usize))
        };
        let (mut contents, mut position): (BTreeMap<u32, u32>, _) = state();
        let mut failed = 0;
        for _ in 0..50 {
            server.lock().expect("not poisoned").change();
            let result = poller.refresh_now(LONG);
            let (now, token) = state();
            match &result {
                Ok(revision) => {
                    assert_eq!(*revision, config.revision());
                    let token = token.expect("a position");
                    assert!(Some(token) >= position, "seed {seed}: it went back");
                    let expected = server.lock().expect("not poisoned").state(token);
                    assert_eq!(now, expected, "seed {seed}, position {token}");
                }
                Err(RefreshError::Failed(failure)) => {
                    assert_eq!(now, contents, "seed {seed}: {failure} published");
                    // Unless there was a gap, the position stays.
                    assert!(token.is_none() || token == position, "seed {seed}");
                    failed += 1;
                }
                Err(other) => panic!("seed {seed}: {other}"),
            }
            (contents, position) = (now, token.or(position));
        }
        assert!((1..45).contains(&failed), "seed {seed}: {failed} failures");
    }
}
