//! Dates as other countries write them.

use crate::marks::each_line;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    DotsDmy,
    SlashMdy,
    SlashDmy,
    SlashYmd,
    TwelveHours,
}

/// The stamps of heads in another order; stamps within messages stay.
pub(crate) fn rewrite(text: &str, order: Order) -> String {
    each_line(text, |_, line| {
        let Some((stamp, rest)) = line.split_at_checked(19) else {
            return line.to_owned();
        };
        let bytes = stamp.as_bytes();
        let is_stamp = bytes[..4].iter().all(u8::is_ascii_digit)
            && matches!(bytes[4], b'-' | b'/')
            && bytes[13] == b':'
            && bytes[16] == b':';
        if !is_stamp {
            return line.to_owned();
        }
        let (year, month, day) = (&stamp[..4], &stamp[5..7], &stamp[8..10]);
        let (between, time) = (&stamp[10..11], &stamp[11..]);
        let date = match order {
            Order::DotsDmy => format!("{day}.{month}.{year}"),
            Order::SlashMdy => format!("{month}/{day}/{year}"),
            Order::SlashDmy => format!("{day}/{month}/{year}"),
            Order::SlashYmd => format!("{year}/{month}/{day}"),
            Order::TwelveHours => format!(
                "{}/{}/{year}",
                month.trim_start_matches('0'),
                day.trim_start_matches('0')
            ),
        };
        if order != Order::TwelveHours {
            return format!("{date}{between}{time}{rest}");
        }
        // A fraction would stand before the half of the day, and nobody writes that.
        if !rest.starts_with(',') {
            return format!("{date}{between}{time}{rest}");
        }
        let hour: u32 = time[..2].parse().unwrap_or(0);
        let half = if hour < 12 { "AM" } else { "PM" };
        let hour = if hour.is_multiple_of(12) {
            12
        } else {
            hour % 12
        };
        format!("{date}{between}{hour}{} {half}{rest}", &time[2..])
    })
}
