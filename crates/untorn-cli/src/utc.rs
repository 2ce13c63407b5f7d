//! Times of day.

use std::time::{SystemTime, UNIX_EPOCH};

/// Formats the time of day of Coordinated Universal Time, as logs of containers have it.
pub(crate) fn time_of_day(time: SystemTime) -> String {
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02} UTC", seconds % 60)
}

/// Returns the seconds since 1970, for scripts.
pub(crate) fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn time_of_day_has_two_digits_each() {
        let time = UNIX_EPOCH + Duration::from_secs(86_400 * 20_000 + 3600 * 23 + 60 * 4 + 5);
        assert_eq!(time_of_day(time), "23:04:05 UTC");
    }
}
