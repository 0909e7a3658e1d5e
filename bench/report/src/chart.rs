// SPDX-License-Identifier: GPL-2.0

//! The results as SVG.

use std::path::Path;

use anyhow::{anyhow, Result};
use plotters::prelude::*;

use crate::figures::Figures;
use crate::results::{Suite, Workload};

const WIDTH: u32 = 900;
const ROW: u32 = 24;
const FRAME: u32 = 110;

/// A bar for each workload: Rust over C, without the copying.
pub fn ratios(suite: &Suite, unit: &str, path: &Path) -> Result<()> {
    let bars: Vec<(&str, f64)> = suite
        .workloads
        .iter()
        .filter(|workload| !workload.control)
        .filter_map(|workload| Some((workload.name.as_str(), Figures::of(workload)?.share_ratio())))
        .collect();
    if bars.is_empty() {
        return Ok(());
    }
    let most = bars.iter().map(|(_, ratio)| *ratio).fold(1.2, f64::max);
    let rows = bars.len();
    let height = FRAME + ROW * u32::try_from(rows)?;
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    let draw = || -> Result<(), Box<dyn std::error::Error>> {
        area.fill(&WHITE)?;
        let title = format!("{}: Rust/C, {unit} without the copying", suite.name);
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 20))
            .margin(12)
            .x_label_area_size(32)
            .y_label_area_size(190)
            .build_cartesian_2d(0.0..most * 1.05, (0..rows).into_segmented())?;
        let name_of = |row: &SegmentValue<usize>| match row {
            // The first row is the lowest: the list is drawn from its end.
            SegmentValue::CenterOf(row) => bars
                .iter()
                .rev()
                .nth(*row)
                .map_or(String::new(), |(name, _)| (*name).to_owned()),
            _ => String::new(),
        };
        chart
            .configure_mesh()
            .disable_y_mesh()
            .y_labels(rows)
            .y_label_formatter(&name_of)
            .x_label_formatter(&|ratio| format!("{ratio:.2}"))
            .draw()?;
        let bar = |(row, (_, ratio)): (usize, &(&str, f64))| {
            let color = if *ratio > 1.0 {
                RED.mix(0.6)
            } else {
                BLUE.mix(0.6)
            };
            let from = (0.0, SegmentValue::Exact(row));
            let to = (*ratio, SegmentValue::Exact(row + 1));
            let mut bar = Rectangle::new([from, to], color.filled());
            bar.set_margin(4, 4, 0, 0);
            bar
        };
        chart.draw_series(bars.iter().rev().enumerate().map(bar))?;
        let limit = [
            (1.0, SegmentValue::Exact(0)),
            (1.0, SegmentValue::Exact(rows)),
        ];
        chart.draw_series(LineSeries::new(limit, BLACK))?;
        area.present()?;
        Ok(())
    };
    draw().map_err(|error| anyhow!("cannot draw {}: {error}", path.display()))
}

/// Workloads of one family, `<family>_<number><letter>`: what an operation costs
/// as the number grows. Both engines, without the copying.
pub fn growth(suite: &Suite, family: &str, title: &str, path: &Path) -> Result<()> {
    let points: Vec<(f64, Figures)> = suite
        .workloads
        .iter()
        .filter_map(|workload| Some((number_of(workload, family)?, Figures::of(workload)?)))
        .collect();
    if points.len() < 2 {
        return Ok(());
    }
    let shares = points
        .iter()
        .flat_map(|(_, f)| [f.c_share(), f.rust_share()]);
    let most = shares.fold(0.0, f64::max);
    let last = points.len() - 1;
    let area = SVGBackend::new(path, (WIDTH, 420)).into_drawing_area();
    let draw = || -> Result<(), Box<dyn std::error::Error>> {
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(format!("{}: {title}", suite.name), ("sans-serif", 20))
            .margin(12)
            .x_label_area_size(32)
            .y_label_area_size(70)
            .build_cartesian_2d(0..last, 0.0..most * 1.1)?;
        // Evenly spaced: the numbers grow by factors.
        let label = |at: &usize| {
            points
                .get(*at)
                .map_or(String::new(), |(n, _)| n.to_string())
        };
        chart
            .configure_mesh()
            .x_labels(points.len())
            .x_label_formatter(&label)
            .draw()?;
        let c = points
            .iter()
            .enumerate()
            .map(|(at, (_, f))| (at, f.c_share()));
        let rust = points
            .iter()
            .enumerate()
            .map(|(at, (_, f))| (at, f.rust_share()));
        chart
            .draw_series(LineSeries::new(c, BLACK.stroke_width(2)))?
            .label("C")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], BLACK));
        chart
            .draw_series(LineSeries::new(rust, RED.stroke_width(2)))?
            .label("Rust")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], RED));
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE)
            .border_style(BLACK)
            .draw()?;
        area.present()?;
        Ok(())
    };
    draw().map_err(|error| anyhow!("cannot draw {}: {error}", path.display()))
}

/// The number in `<family>_<number><letter>`.
fn number_of(workload: &Workload, family: &str) -> Option<f64> {
    let rest = workload.name.strip_prefix(family)?.strip_prefix('_')?;
    rest.trim_end_matches(|c: char| c.is_ascii_alphabetic())
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Run;

    fn suite(names: &[&str]) -> Suite {
        let run = |ticks| {
            vec![Run {
                batches: vec![ticks],
                idle_ms: 0.0,
            }]
        };
        let workloads = names.iter().map(|name| Workload {
            name: (*name).to_owned(),
            ops: 1,
            c: run(100),
            rust: run(90),
            ..Workload::default()
        });
        Suite {
            name: "xfs-4k".into(),
            workloads: workloads.collect(),
            ..Suite::default()
        }
    }

    fn drawn(draw: impl Fn(&Path) -> Result<()>) -> Result<String> {
        let path = std::env::temp_dir().join(format!("iomap-chart-{}.svg", std::process::id()));
        let result = draw(&path);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        // It may not have been made.
        let _ = std::fs::remove_file(&path);
        result.map(|()| text)
    }

    #[test]
    fn every_workload_has_its_bar_and_name() -> Result<()> {
        let suite = suite(&["write", "read"]);
        let text = drawn(|path| ratios(&suite, "instructions", path))?;
        assert!(text.contains("write") && text.contains("read"), "{text}");
        Ok(())
    }

    #[test]
    fn a_family_is_told_by_its_numbers() {
        let suite = suite(&["size_8192m", "order_4", "size_of"]);
        let numbers: Vec<_> = suite
            .workloads
            .iter()
            .map(|workload| number_of(workload, "size"))
            .collect();
        assert_eq!(numbers, [Some(8192.0), None, None]);
    }
}
