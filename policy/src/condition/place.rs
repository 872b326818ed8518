//! Where the device is.

use serde::{Deserialize, Serialize};

use super::{Impossible, Truth};
use crate::facts::{Fix, Point};

/// Mean radius of the Earth in metres (IUGG).
const EARTH: f64 = 6_371_008.8;
/// Metres in a degree of latitude.
const DEGREE: f64 = EARTH * std::f64::consts::PI / 180.0;
/// Most corners of a polygon.
pub const MAX_CORNERS: usize = 64;
/// Largest radius, in metres.
pub const MAX_RADIUS: u32 = 1_000_000;

/// The device is inside an area. A fix whose own uncertainty reaches across the area's edge says
/// nothing, and so does one less accurate than wanted.
#[derive(Clone, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Everything within a distance of a point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circle: Option<Circle>,
    /// Everything inside these corners, in order, at most some hundred kilometres across.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub polygon: Vec<Point>,
    /// The least accurate fix that counts, as a radius in metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<u32>,
}

/// A circle on the ground.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Circle {
    /// Its middle: latitude and longitude in degrees.
    pub centre: Point,
    /// Its radius in metres: 1 to 1,000,000.
    pub radius: u32,
}

impl Place {
    pub(super) fn check(&self) -> Result<(), Impossible> {
        match (self.circle, self.polygon.len()) {
            (Some(circle), 0) if (1..=MAX_RADIUS).contains(&circle.radius) => {}
            (Some(circle), 0) => return Err(Impossible::Radius(circle.radius)),
            (None, 3..=MAX_CORNERS) => {
                if area(&self.polygon) < f64::EPSILON {
                    return Err(Impossible::Flat);
                }
            }
            (None, 1..) => return Err(Impossible::Corners(self.polygon.len())),
            (None, 0) | (Some(_), _) => return Err(Impossible::Area),
        }
        if self.accuracy == Some(0) {
            return Err(Impossible::Accuracy);
        }
        Ok(())
    }

    pub(super) fn truth(&self, fix: Option<Fix>) -> Truth {
        let Some(fix) = fix else {
            return Truth::Unknown;
        };
        if self.accuracy.is_some_and(|wanted| fix.accuracy > wanted) {
            return Truth::Unknown;
        }
        // How far inside the edge the fix lies; outside it is negative.
        let inside = match self.circle {
            Some(circle) => f64::from(circle.radius) - distance(circle.centre, fix.at),
            None => depth(&self.polygon, fix.at),
        };
        let uncertain = f64::from(fix.accuracy);
        if inside >= uncertain {
            Truth::Holds
        } else if inside < -uncertain {
            Truth::Fails
        } else {
            Truth::Unknown
        }
    }
}

/// Metres between two points along the ground (haversine).
fn distance(from: Point, to: Point) -> f64 {
    let (from_latitude, to_latitude) = (from.latitude().to_radians(), to.latitude().to_radians());
    let latitude = (to_latitude - from_latitude) / 2.0;
    let longitude = (to.longitude() - from.longitude()).to_radians() / 2.0;
    let chord =
        latitude.sin().powi(2) + from_latitude.cos() * to_latitude.cos() * longitude.sin().powi(2);
    2.0 * EARTH * chord.sqrt().min(1.0).asin()
}

/// A point in metres east and north of an origin, on a plane that touches the Earth there.
fn flat(point: Point, origin: Point) -> (f64, f64) {
    let mut east = point.longitude() - origin.longitude();
    if east > 180.0 {
        east -= 360.0;
    } else if east < -180.0 {
        east += 360.0;
    }
    (
        east * DEGREE * origin.latitude().to_radians().cos(),
        (point.latitude() - origin.latitude()) * DEGREE,
    )
}

fn sides(corners: &[Point], origin: Point) -> impl Iterator<Item = ((f64, f64), (f64, f64))> {
    let ends = corners.iter().skip(1).chain(corners.first());
    corners
        .iter()
        .zip(ends)
        .map(move |(from, to)| (flat(*from, origin), flat(*to, origin)))
}

/// Twice the area inside the corners, in square metres.
fn area(corners: &[Point]) -> f64 {
    let Some(origin) = corners.first() else {
        return 0.0;
    };
    sides(corners, *origin)
        .map(|((x0, y0), (x1, y1))| x0 * y1 - x1 * y0)
        .sum::<f64>()
        .abs()
}

/// How far inside the polygon a point lies, in metres; negative outside. By the even-odd rule.
fn depth(corners: &[Point], at: Point) -> f64 {
    let mut is_inside = false;
    let mut nearest = f64::INFINITY;
    for ((x0, y0), (x1, y1)) in sides(corners, at) {
        if (y0 > 0.0) != (y1 > 0.0) && x0 + (x1 - x0) * (-y0) / (y1 - y0) > 0.0 {
            is_inside = !is_inside;
        }
        let (dx, dy) = (x1 - x0, y1 - y0);
        let length = dx * dx + dy * dy;
        let along = if length > 0.0 {
            ((-x0 * dx - y0 * dy) / length).clamp(0.0, 1.0)
        } else {
            0.0
        };
        nearest = nearest.min((x0 + along * dx).hypot(y0 + along * dy));
    }
    if is_inside { nearest } else { -nearest }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(text: &str) -> Point {
        text.parse().unwrap()
    }

    fn fix(text: &str, accuracy: u32) -> Fix {
        Fix {
            at: point(text),
            accuracy,
        }
    }

    #[test]
    fn distances_are_those_of_the_earth() {
        // Berlin to Paris: 878 km on the great circle.
        let metres = distance(point("52.52, 13.405"), point("48.8566, 2.3522"));
        assert!((877_000.0..879_000.0).contains(&metres), "{metres}");
        let across = distance(point("0, 179.9995"), point("0, -179.9995"));
        assert!((110.0..112.0).contains(&across), "{across}");
    }

    #[test]
    fn a_fix_that_could_be_either_side_of_the_edge_says_nothing() {
        let office = Place {
            circle: Some(Circle {
                centre: point("52.52, 13.405"),
                radius: 200,
            }),
            polygon: Vec::new(),
            accuracy: Some(100),
        };
        assert_eq!(office.truth(Some(fix("52.52, 13.405", 50))), Truth::Holds);
        assert_eq!(
            office.truth(Some(fix("52.522, 13.405", 50))),
            Truth::Unknown
        );
        assert_eq!(office.truth(Some(fix("52.53, 13.405", 50))), Truth::Fails);
        assert_eq!(
            office.truth(Some(fix("52.52, 13.405", 101))),
            Truth::Unknown
        );
        assert_eq!(office.truth(None), Truth::Unknown);
    }

    #[test]
    fn a_polygon_may_be_hollow_and_cross_the_date_line() {
        // A U, open to the north, around 180° of longitude.
        let corners = [
            "1, 179",
            "0, 179",
            "0, -179",
            "1, -179",
            "1, -179.5",
            "0.5, 180",
            "1, 179.5",
        ];
        let place = Place {
            circle: None,
            polygon: corners.iter().map(|corner| point(corner)).collect(),
            accuracy: None,
        };
        assert!(place.check().is_ok());
        assert_eq!(place.truth(Some(fix("0.2, 180", 100))), Truth::Holds);
        assert_eq!(place.truth(Some(fix("0.2, -180", 100))), Truth::Holds);
        assert_eq!(place.truth(Some(fix("0.9, 180", 100))), Truth::Fails);
        assert_eq!(place.truth(Some(fix("0.2, 178", 100))), Truth::Fails);
    }

    #[test]
    fn an_area_that_is_none_is_refused() {
        let empty = Place {
            circle: None,
            polygon: Vec::new(),
            accuracy: None,
        };
        assert_eq!(empty.check(), Err(Impossible::Area));
        let line = Place {
            polygon: vec![point("0, 0"), point("1, 1"), point("2, 2")],
            ..empty.clone()
        };
        assert_eq!(line.check(), Err(Impossible::Flat));
    }
}
