//! Measures how cost grows with what is sent, and draws it.

use super::clients::{Client, Load, Programs};
use super::document::Section;
use super::process::{median, run};
use super::servers::Server;
use plotters::prelude::*;
use std::io;
use std::path::{Path, PathBuf};

const MEGABYTE: u64 = 1_000_000;
/// How often each point is measured.
const ROUNDS: usize = 3;

/// What grows: the name of its picture, its axis, and the loads.
struct Growth {
    name: &'static str,
    axis: &'static str,
    points: Vec<(u64, Load)>,
}

pub(crate) fn measure(programs: &Programs) -> io::Result<Section> {
    let mut section = Section::new(
        &[
            "Against `smtp-mock`, except growing messages, which are sent to `smtp-sink` because it has no limit: seconds \
             of the whole process (blue in the plots) and of its CPU time (red), with logarithmic axes. Linear cost is a \
             straight line; it is flat at first because of the start of the process. Where blue bends and red does not, the \
             server or the machine is the limit.",
        ],
        &["variable", "count", "seconds", "CPU seconds", "CPU per unit, in µs"],
    );
    let [sink, mock] = Server::both(programs)?;
    let mut pictures = Vec::new();
    for growth in growths() {
        let mut found = Vec::new();
        for (count, load) in &growth.points {
            let server = if load.octets < MEGABYTE { &mock } else { &sink };
            let mut costs = Vec::new();
            for _ in 0..ROUNDS {
                costs.push(run(&programs.words(Client::Ours, server.address, load)?)?);
            }
            // The file of a large message is not needed any more.
            if load.octets > 64 * MEGABYTE {
                std::fs::remove_file(programs.message(load.octets)?)?;
            }
            let seconds = median(costs.iter().map(|cost| cost.wall.as_secs_f64()).collect());
            let processor = median(costs.iter().map(|cost| cost.cpu.as_secs_f64()).collect());
            found.push((number(*count), [seconds, processor]));
            section.row(vec![
                growth.axis.to_string(),
                count.to_string(),
                format!("{seconds:.4}"),
                format!("{processor:.4}"),
                format!("{:.3}", processor * 1e6 / number(*count)),
            ]);
        }
        let file = directory().join(format!("{}.svg", growth.name));
        draw(&file, growth.axis, &found).map_err(io::Error::other)?;
        pictures.push(format!("![{0}](tests/benches/plots/{1}.svg)", growth.axis, growth.name));
    }
    section.below = pictures.join("\n");
    Ok(section)
}

fn growths() -> [Growth; 4] {
    let load = Load::default();
    let points =
        |counts: &[u64], of: fn(u64, Load) -> Load| counts.iter().map(|&n| (n, of(n, load))).collect();
    [
        Growth {
            name: "recipients",
            axis: "recipients of one message",
            points: points(&[1, 10, 100, 1_000], |n, load| Load {
                recipients: usize::try_from(n).unwrap_or(1),
                ..load
            }),
        },
        Growth {
            name: "messages",
            axis: "messages on one connection",
            points: points(&[1, 10, 100, 1_000, 10_000, 100_000], |n, load| Load { messages: n, ..load }),
        },
        Growth {
            name: "size",
            axis: "megabytes of one message",
            points: points(&[1, 4, 16, 64, 256, 1_000, 4_000], |n, load| Load {
                octets: n * MEGABYTE,
                ..load
            }),
        },
        Growth {
            name: "connections",
            axis: "connections, 100 messages each",
            points: points(&[1, 4, 16, 64, 256], |n, load| Load {
                connections: usize::try_from(n).unwrap_or(1),
                messages: 100 * n,
                ..load
            }),
        },
    ]
}

/// Where the pictures lie.
fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches").join("plots")
}

fn draw(
    file: &Path,
    axis: &str,
    points: &[(f64, [f64; 2])],
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    std::fs::create_dir_all(directory())?;
    let area = SVGBackend::new(file, (640, 400)).into_drawing_area();
    area.fill(&WHITE)?;
    let last = points.iter().fold(1.0, |last: f64, (x, _)| last.max(*x));
    let values = || points.iter().flat_map(|(_, both)| both);
    let (low, high) = values().fold((f64::MAX, f64::MIN), |(low, high), y| (low.min(*y), high.max(*y)));
    let mut chart = ChartBuilder::on(&area)
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d((1.0..last * 1.2).log_scale(), (low / 2.0..high * 2.0).log_scale())?;
    chart.configure_mesh().x_desc(axis).y_desc("seconds").x_labels(8).y_labels(8).draw()?;
    for (which, colour) in [BLUE, RED].into_iter().enumerate() {
        let line = points.iter().map(|(x, both)| (*x, both[which]));
        chart.draw_series(LineSeries::new(line.clone(), &colour))?;
        chart.draw_series(line.map(|point| Circle::new(point, 4, colour.filled())))?;
    }
    area.present()?;
    Ok(())
}

#[allow(clippy::cast_precision_loss)] // these are round numbers
fn number(count: u64) -> f64 {
    count as f64
}
