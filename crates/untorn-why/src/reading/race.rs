//! The lines of a race report.

use super::lexer::Token;
use super::places::{Owner, Places, push, set_location};
use crate::dump::{Race, Side, Started};
use crate::frame::Frame;

/// The stack of a race report to which frames belong.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum InRace {
    #[default]
    Head,
    Side,
    Started,
}

impl Race {
    /// Reads a token. Returns `false` if it is not part of a report.
    pub(super) fn read(
        &mut self,
        at: u64,
        content: &str,
        token: Token<'_>,
        part: &mut InRace,
        places: &mut Places,
    ) -> bool {
        match token {
            Token::Rule => {
                self.last = at;
                self.ended = true;
            }
            Token::Side {
                writes,
                address,
                goroutine,
            } => {
                self.sides.push(Side {
                    at,
                    text: content.trim().to_owned(),
                    writes,
                    address,
                    goroutine,
                    frames: vec![],
                    lost: None,
                });
                self.sides.truncate(2);
                *part = InRace::Side;
            }
            Token::Started(goroutine) => {
                self.started.push(Started {
                    at,
                    goroutine,
                    frames: vec![],
                });
                self.started.truncate(2);
                *part = InRace::Started;
            }
            Token::Lost => {
                if let (InRace::Side, Some(side)) = (part, self.sides.last_mut()) {
                    side.lost = Some(at);
                }
            }
            Token::Place {
                location,
                has_offset,
            } if places.is_next() => {
                let owner = places.take(has_offset);
                if let Some(frames) = self.frames(*part).filter(|_| owner == Owner::Frame) {
                    set_location(frames, location, has_offset);
                }
            }
            Token::Call(call) => {
                let Some(frames) = self.frames(*part) else {
                    return false;
                };
                places.expect(push(frames, Frame::new(at, call.function, call.args)));
            }
            _ => return false,
        }
        true
    }

    pub(super) fn frames(&mut self, part: InRace) -> Option<&mut Vec<Frame>> {
        match part {
            InRace::Head => None,
            InRace::Side => self.sides.last_mut().map(|side| &mut side.frames),
            InRace::Started => self.started.last_mut().map(|started| &mut started.frames),
        }
    }
}
