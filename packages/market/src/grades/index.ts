export { FACTORS, type Factor } from './factors.ts';
export { GRADE_PARAMETERS, type GradeParameters } from './grade-parameters.ts';
export { factorsFigure, gradesFigure, gradesOn } from './grades.ts';
